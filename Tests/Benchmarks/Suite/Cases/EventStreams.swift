/// Server-sent events over 64 streams as fast as one thread brings them: when one waits for a stream in a turn of the loop, and when many do.
///
/// Ours sends what waits at once. The twin is measured in both ways: a send for each event, as servers do that flush what they are given, and one
/// send for all.
struct EventStreams: BenchmarkCase {
    let name = "sse"
    private static let streams = 64
    private static let many = 32
    /// So few that the kernel takes a stream whole, and so many that its request is little beside them.
    private static let eventsOfStream = 512
    /// Under callgrind, which takes fifty times as long.
    private static let countedStreams = 192

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var one: [HTTPService] = [], oneInC: [HTTPService] = []
        var gathered: [HTTPService] = [], gatheredInC: [HTTPService] = [], eachInC: [HTTPService] = []
        for _ in 0..<settings.turns {
            one.append(try measure(1, settings))
            oneInC.append(try measure(1, inC: true, settings))
            gathered.append(try measure(Self.many, settings))
            eachInC.append(try measure(Self.many, inC: true, gathers: false, settings))
            gatheredInC.append(try measure(Self.many, inC: true, settings))
        }
        func rate(_ services: [HTTPService]) -> Double { services.map(\.eventsPerCoreSecond).median }
        return [
            Figure("1 waits: events per server-core-second", rate(one), "/s"),
            Figure("1 waits: events per server-core-second, C", rate(oneInC), "/s"),
            Figure("1 waits: Swift : C", rate(one) / rate(oneInC), "x", .atLeast(0.95)),
            Figure("\(Self.many) wait: events per server-core-second", rate(gathered), "/s"),
            Figure("\(Self.many) wait: events per server-core-second, C, a send each", rate(eachInC), "/s"),
            Figure("\(Self.many) wait: events per server-core-second, C, one send", rate(gatheredInC), "/s"),
            Figure("\(Self.many) wait: Swift : C with a send each", rate(gathered) / rate(eachInC), "x", .atLeast(20)),
            Figure("\(Self.many) wait: Swift : C with one send", rate(gathered) / rate(gatheredInC), "x"),
            Figure("1 waits: allocations an event", try allocations(1, settings), "", kind: .allocations),
            Figure("\(Self.many) wait: allocations an event", try allocations(Self.many, settings), "", kind: .allocations),
        ]
    }

    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        [
            Figure("1 waits: instructions an event", try instructions(1, settings), "", kind: .instructions),
            Figure("\(Self.many) wait: instructions an event", try instructions(Self.many, settings), "", kind: .instructions),
        ]
    }

    private func measure(
        _ waiting: Int, inC: Bool = false, gathers: Bool = true, _ settings: Settings
    ) throws(BenchmarkFailure) -> HTTPService {
        var plan = plan(waiting, settings)
        plan.gathers = gathers
        return try HTTPRun.measure(plan, inC: inC, connections: Self.streams)
    }

    private func plan(_ waiting: Int, _ settings: Settings) -> HTTPPlan {
        var plan = HTTPPlan(settings)
        plan.events = Self.eventsOfStream
        plan.burst = waiting
        return plan
    }

    /// A stream's begin and end among them, shared by its events.
    private func instructions(_ waiting: Int, _ settings: Settings) throws(BenchmarkFailure) -> Double {
        let streams = Self.streams
        let count = try HTTPRun.instructionsPerAnswer(
            plan(waiting, settings), inC: false, connections: streams, few: streams, many: streams + Self.countedStreams)
        return count / Double(Self.eventsOfStream)
    }

    /// Of streams that neither begin nor end meanwhile, at a pace that every client keeps up with: what waits for a slow one needs memory. To three
    /// decimals: what a turn needs for all streams, and a buffer that grows once, are not the events' doing.
    private func allocations(_ waiting: Int, _ settings: Settings) throws(BenchmarkFailure) -> Double {
        var plan = HTTPPlan(settings)
        plan.events = HTTPPlan.endless
        plan.burst = waiting
        plan.paceMilliseconds = 10
        let service = try HTTPRun.measure(plan, inC: false, connections: Self.streams)
        return (service.allocationsPerEvent * 1_000).rounded() / 1_000
    }
}
