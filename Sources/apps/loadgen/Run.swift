import ClusterModel
import EventLoop
import Glibc
import LoadGeneration
import ServiceRuntime

/// `loadgen run`: a live load, and the report of it.
enum Run {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let options = RunOptions()
        switch CommandInvocation(options.table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            do throws(RunFailure) {
                let setting = try RunSetting(options, resolved, environment: ProcessEnvironment.read())
                return CommandLoop.run("loadgen run") { loop, stop in
                    do throws(RunFailure) { return try await run(setting, options, resolved, loop, stop) } catch {
                        complain("loadgen run: \(error.text)")
                        return error.code
                    }
                }
            } catch {
                complain("loadgen run: \(error.text)")
                return error.code
            }
        }
    }

    @LoopActor
    private static func run(
        _ setting: RunSetting, _ options: RunOptions, _ resolved: ResolvedConfiguration, _ loop: EpollLoop, _ stop: Promise<Void>
    ) async throws(RunFailure) -> ExitCode {
        let sockets = EpollSockets(on: loop)
        let form = try await form(setting, loop, sockets)
        let run: LoadRun
        do throws(LoadRunError) {
            run = try LoadRun(
                on: loop, sockets: sockets, target: setting.target, address: setting.address, form: form, source: setting.source,
                blockTokens: setting.blockTokens, plan: setting.plan, recorder: LoadRecorder(limits: setting.goodput))
        } catch { throw RunFailure("\(error)") }
        loop.spawn {
            while !stop.isFulfilled { _ = await stop.wait(until: loop.now + .seconds(3_600)) }
            run.stop()
        }
        let line = setting.showsProgress ? LiveLine(run, on: loop) : nil
        let result: LoadResult
        do throws(LoadRunError) { result = try await run.run() } catch { throw RunFailure("\(error)") }
        line?.close()
        let report = RunReport(result, setting, form, title: resolved[options.title])
        let delivered = options.files.deliver(report.report, resolved)
        for warning in report.warnings { complain("loadgen run: warning: \(warning)") }
        guard result.progress.complete > 0 else {
            if let failure = result.firstFailure { complain("loadgen run: nothing succeeded; the first failure: \(failure)") }
            if result.progress.failed == 0 { complain("loadgen run: nothing was asked that ended") }
            return .failure
        }
        return delivered
    }

    /// What only the server can say.
    @LoopActor
    private static func form(_ setting: RunSetting, _ loop: EpollLoop, _ sockets: EpollSockets) async throws(RunFailure) -> RequestForm {
        var form = setting.form
        let probe = ServerProbe(on: loop, sockets: sockets, target: setting.target, address: setting.address)
        defer { probe.close() }
        do throws(ServerProbe.Failure) {
            if form.model.isEmpty {
                form.model = try await probe.firstModel(form)
                complain("loadgen run: model \(form.model)")
            }
            if setting.measuresText {
                let characters = try await probe.charactersPerToken(form, seed: setting.seed)
                form.prompt = form.prompt.stretched(characters)
                complain("loadgen run: \(decimals(characters, 2)) characters a token")
            }
        } catch { throw RunFailure(error.description) }
        return form
    }
}

/// Why a run cannot be made.
struct RunFailure: Error {
    let text: String
    let code: ExitCode

    init(_ text: String, code: ExitCode = .failure) {
        self.text = text
        self.code = code
    }
}

/// With so many digits behind the point.
func decimals(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    guard value.isFinite, abs(value) * scale < 9e15 else { return "\(value)" }
    let scaled = Int((abs(value) * scale).rounded()), whole = scaled / Int(scale), rest = "\(scaled % Int(scale))"
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return digits == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(String(repeating: "0", count: digits - rest.count))\(rest)"
}
