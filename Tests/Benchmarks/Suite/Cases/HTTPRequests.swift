/// A small POST answered with JSON, over keep-alive connections that ask again at once: our server, then the same in C, in turns.
///
/// Both read a request of OpenAI's Python client, 800 bytes, and answer with 300. Instructions are those of user space; the kernel's part is the
/// same system calls on both sides, and is in the processor time.
struct HTTPRequests: BenchmarkCase {
    let name = "http"
    private static let connections = [1, 64, 256]
    /// What the budget speaks of.
    private static let judged = 64

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for connections in Self.connections {
            let prefix = "\(connections) connections: "
            var ours: [HTTPService] = [], theirs: [HTTPService] = []
            for _ in 0..<settings.turns {
                ours.append(try HTTPRun.measure(HTTPPlan(settings), inC: false, connections: connections))
                theirs.append(try HTTPRun.measure(HTTPPlan(settings), inC: true, connections: connections))
            }
            let time = ours.map(\.microsecondsPerAnswer).median, twin = theirs.map(\.microsecondsPerAnswer).median
            figures += [
                Figure("\(prefix)requests/s", ours.map(\.answersPerSecond).median, "/s"),
                Figure("\(prefix)requests/s, C", theirs.map(\.answersPerSecond).median, "/s"),
                Figure("\(prefix)server CPU a request", time, "µs"),
                Figure("\(prefix)server CPU a request, C", twin, "µs"),
                Figure("\(prefix)server CPU a request, Swift : C", time / twin, "x"),
                Figure(
                    "\(prefix)allocations a request", Self.rounded(ours.map(\.allocationsPerAnswer).median), "", kind: .allocations),
            ]
        }
        return figures
    }

    /// To one: a buffer that grows once is not the requests' doing.
    private static func rounded(_ allocations: Double) -> Double { allocations.rounded() }

    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for connections in settings.isQuick ? [Self.judged] : Self.connections { figures += try instructions(connections, settings) }
        return figures
    }

    private func instructions(_ connections: Int, _ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        func count(inC: Bool) throws(BenchmarkFailure) -> Double {
            try HTTPRun.instructionsPerAnswer(HTTPPlan(settings), inC: inC, connections: connections, few: 2_000, many: 6_000)
        }
        let ours = try count(inC: false), twin = try count(inC: true)
        let prefix = "\(connections) connections: instructions a request"
        return [
            Figure(prefix, ours, "", kind: .instructions),
            Figure("\(prefix), C", twin, ""),
            Figure("\(prefix), Swift : C", ours / twin, "x", connections == Self.judged ? .atMost(1.1) : nil),
        ]
    }
}
