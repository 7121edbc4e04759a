import ClusterModel
import JSONText
import LoadGeneration
import ServiceRuntime

/// What a run tells when it is over: of the server, and of itself.
struct RunReport {
    private let result: LoadResult
    private let setting: RunSetting
    private let form: RequestForm

    init(_ result: LoadResult, _ setting: RunSetting, _ form: RequestForm) {
        self.result = result
        self.setting = setting
        self.form = form
    }

    func write() throws(RunFailure) {
        complain(sender.joined(separator: "\n"))
    }

    /// What the load cost its own side: figures that say whether the others can be believed.
    private var sender: [String] {
        let progress = result.progress, summary = result.recorder.summary
        var lines = [
            "sender: \(progress.sent) sent in \(decimals(result.elapsed.inSeconds, 2)) s, \(progress.connections) connections, "
                + "\(decimals(result.cores * 100, 0)) % of a core, \(decimals((result.cpuPerRequest ?? .zero).inSeconds * 1e6, 1)) µs CPU a request"
        ]
        if progress.pieces > 0 {
            lines.append(
                "        \(progress.pieces) pieces, \(decimals(Double(progress.pieces) / max(1e-9, result.cost.cpu.inSeconds), 0)) a CPU second"
            )
        }
        if let late = summary[.sendDelay].percentile(99) {
            lines.append("        late p99 \(decimals(late.inSeconds * 1e3, 2)) ms, \(progress.late) more than 10 ms")
        }
        return lines
    }
}
