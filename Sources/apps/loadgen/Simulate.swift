import ClusterModel
import EventLoop
import FleetSimulation
import LoadGeneration
import ServiceRuntime
import WireProtocol

/// `loadgen simulate`: one load on one fleet under one policy, in virtual time.
enum Simulate {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "loadgen simulate",
                summary: """
                    Runs a load on a fleet that does not exist: the routers' real stages, real simulated engines, and time that passes only in \
                    numbers. The same load, fleet and seed give the same report everywhere.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("loadgen simulate --trace conversation.jsonl --workers 8 --blocks 6000", "a trace on eight workers"),
                    .init(
                        "loadgen simulate --trace t.jsonl --prefill 4 --decode 4 --policy latency --load 0.9", "a split fleet, nearly full"),
                    .init("loadgen simulate --rate 20 --input-tokens 32768 --output-tokens 1 --requests 2000", "made-up prompts"),
                    .init("loadgen simulate --from tuesday.jsonl --policy kv --html tuesday.html", "a recording, under another policy"),
                ]))
        let fleet = FleetCommandOptions(in: &table)
        table.group("Policy and load")
        let policy = table.option("policy", .words(FleetPolicy.names), default: "kv", help: "How a worker is chosen.")
        let load = table.optional(
            "load", .number(0.01...10), help: "Offers the load at this share of what the fleet can carry, which is measured first.")
        let title = table.optional("title", .text(), help: "The report's title.")
        let files = ReportFiles(&table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            do throws(RunFailure) {
                var setting = try fleet.setting(resolved)
                guard let chosen = FleetPolicy.named(resolved[policy]) else { return .usage }
                let options = setting.options(chosen)
                var facts: [LoadReport.Fact] = []
                let line = ProgressLine()
                if let load = resolved[load] {
                    let capacity = try capacity(setting.workload, setting.options(.kv), line)
                    facts.append(.init("capacity", "\(decimals(capacity, 2)) requests a second; the load is \(decimals(load, 2)) of it"))
                    setting.workload = try setting.workload.offered(share: load, of: capacity)
                }
                let clock = try realTime(), began = clock()
                let result = FleetSimulation.run(setting.workload, options, clock: clock, progress: { line.show(chosen.name, $0, of: $1) })
                line.close()
                let took = Double(clock() - began) / 1e9
                let report = FleetReport(result, options).report(
                    title: resolved[title] ?? "Simulated: \(chosen.name)", of: setting.workload, facts: facts)
                let code = files.deliver(report, resolved)
                complain("loadgen simulate: \(setting.workload.requests.count) requests in \(decimals(took, 1)) s")
                return code
            } catch {
                complain("loadgen simulate: \(error.text)")
                return error.code
            }
        }
    }

    /// The machine's own clock, for what is measured of the simulator itself: a loop of real time has it, and is not run.
    private nonisolated static func realTime() throws(RunFailure) -> () -> UInt64 {
        do {
            let loop = try EpollLoop(name: "loadgen")
            return { UInt64(max(loop.clockReading.nanoseconds, 0)) }
        } catch { throw RunFailure("there is no clock: \(error)") }
    }

    nonisolated static func capacity(_ workload: Workload, _ options: FleetOptions, _ line: ProgressLine) throws(RunFailure) -> Double {
        let capacity = FleetSimulation.capacity(of: workload, options) { line.show("what the fleet can carry", $0, of: $1) }
        line.close()
        guard capacity > 0 else { throw RunFailure("too few requests to measure what the fleet can carry") }
        return capacity
    }
}

extension Workload {
    func offered(share: Double, of capacity: Double) throws(RunFailure) -> Workload {
        guard requestsPerSecond > 0 else { throw RunFailure("all requests are due at one moment: there is no pace to change") }
        return offered(atSpeed: share * capacity / requestsPerSecond)
    }
}
