import ClusterModel
import JSONText
import LoadGeneration
import ServiceRuntime

/// What a run tells when it is over: of the server, and of itself.
struct RunReport {
    private let result: LoadResult
    private let setting: RunSetting
    private let form: RequestForm
    private let title: String?

    /// A generator that uses this much of its one core has no room to be on time.
    private static let busyCores = 0.9
    /// Requests that are later than this were held back by something other than the kernel's timers.
    private static let lateP99 = Duration.milliseconds(5)

    init(_ result: LoadResult, _ setting: RunSetting, _ form: RequestForm, title: String?) {
        self.result = result
        self.setting = setting
        self.form = form
        self.title = title
    }

    var report: LoadReport {
        var report = LoadReport(
            title: title ?? "Load on \(setting.target.text)", facts: facts, summary: result.recorder.summary, sections: [sender])
        report.members = [("sender", senderJSON)]
        return report
    }

    private var facts: [LoadReport.Fact] {
        let mode =
            switch setting.plan.mode {
            case .open: "open"
            case .closed(let users, let think): "closed, \(users) users" + (think > .zero ? " who think \(milliseconds(think)) ms" : "")
            }
        let prompt =
            switch form.prompt {
            case .text(let characters): "text, \(decimals(characters, 2)) characters a token"
            case .passages(_, let characters): "passages of a text, \(decimals(characters, 2)) characters a token"
            case .tokens(let vocabulary): "token ids below \(vocabulary)"
            }
        var facts: [LoadReport.Fact] = [
            .init("server", setting.target.text), .init("model", form.model),
            .init("asked", "\(form.api.rawValue), \(form.streams ? "streaming" : "whole answers")"), .init("load", mode),
            .init("requests", setting.source.name), .init("prompts", prompt), .init("seed", "\(setting.seed)"),
        ]
        if setting.plan.warmUp > .zero { facts.append(.init("warm-up left out", "\(milliseconds(setting.plan.warmUp)) ms")) }
        if setting.plan.coolDown > .zero { facts.append(.init("cool-down left out", "\(milliseconds(setting.plan.coolDown)) ms")) }
        if !result.ranToItsEnd { facts.append(.init("ended", "early, by a signal; \(result.progress.interrupted) requests were left")) }
        return facts
    }

    // MARK: The sender

    /// Why figures may be the generator's own; each a sentence that says what to do.
    var warnings: [String] {
        var warnings: [String] = []
        let late = result.recorder.summary[.sendDelay].percentile(99) ?? .zero
        if result.cores > Self.busyCores {
            warnings.append(
                "the generator used \(decimals(result.cores * 100, 0)) % of a core and may have been the bottleneck; spread the load over "
                    + "several processes or hosts, and join their reports with loadgen merge")
        } else if late > Self.lateP99, case .open = setting.plan.mode {
            let isFull = result.progress.connections >= setting.plan.connections
            warnings.append(
                "requests were sent late (p99 \(milliseconds(late)) ms), which counts in the time to first token; "
                    + (isFull
                        ? "all \(setting.plan.connections) connections were busy: the server is behind, or --connections is too small"
                        : "this host is too busy to send on time"))
        }
        if result.progress.unsent > 0 {
            warnings.append("\(result.progress.unsent) requests found no free connection within the timeout and were never sent")
        }
        return warnings
    }

    private var sender: ReportSection {
        let progress = result.progress
        var rows = [
            ["CPU a request", "\(decimals((result.cpuPerRequest ?? .zero).inSeconds * 1e6, 1)) µs"],
            ["share of a core", "\(decimals(result.cores * 100, 1)) %"],
            ["of it in the kernel", "\(decimals(kernelShare * 100, 0)) %"],
            ["connections", "\(progress.connections)"],
            ["sent more than \(milliseconds(LoadLimits.late)) ms late", "\(progress.late)"],
        ]
        if progress.pieces > 0 { rows.append(["pieces of streams", "\(progress.pieces)"]) }
        if progress.repeated > 0 { rows.append(["asked again on a new connection", "\(progress.repeated)"]) }
        if progress.unsent > 0 { rows.append(["never sent", "\(progress.unsent)"]) }
        return ReportSection(
            title: "The generator itself", note: warnings.joined(separator: "; "),
            tables: [ReportTable(columns: [.init("of the whole run", isNumber: false), .init("")], rows: rows)])
    }

    private var kernelShare: Double { result.cost.cpu > .zero ? result.cost.system / result.cost.cpu : 0 }

    private var senderJSON: JSONValue {
        let progress = result.progress
        var object = JSONObject()
        object["elapsed_s"] = number(result.elapsed.inSeconds)
        object["cpu_s"] = number(result.cost.cpu.inSeconds)
        object["cpu_system_s"] = number(result.cost.system.inSeconds)
        object["cores"] = number(result.cores)
        object["cpu_us_per_request"] = result.cpuPerRequest.flatMap { number($0.inSeconds * 1e6) } ?? .null
        for (name, count) in [
            ("sent", progress.sent), ("complete", progress.complete), ("left", progress.left), ("failed", progress.failed),
            ("unsent", progress.unsent), ("interrupted", progress.interrupted), ("late", progress.late), ("repeated", progress.repeated),
            ("connections", progress.connections), ("pieces", progress.pieces), ("output_tokens", progress.outputTokens),
        ] { object[name] = .number(JSONNumber(Int64(count))) }
        object["warnings"] = .array(warnings.map(JSONValue.string))
        return .object(object)
    }

    private func number(_ value: Double) -> JSONValue { JSONNumber(value).map(JSONValue.number) ?? .null }
    private func milliseconds(_ duration: Duration) -> String {
        let value = duration.inSeconds * 1e3
        return decimals(value, value == value.rounded() ? 0 : 2)
    }
}
