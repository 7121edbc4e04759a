/// Streams that get an event every 10 ms, as from an engine's steps: what a chunk costs when each leaves by itself. The server alone, and the same in
/// C; a whole cluster's chunks are held against the same twin.
struct PacedEvents: BenchmarkCase {
    let name = "sse-paced"
    private static let streams = [64, 512]
    private static let paceMilliseconds = 10

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for streams in Self.streams {
            var ours: [Double] = [], theirs: [Double] = []
            for _ in 0..<settings.turns {
                ours.append(try Self.chunkMicroseconds(inC: false, streams: streams, settings))
                theirs.append(try Self.chunkMicroseconds(inC: true, streams: streams, settings))
            }
            figures += [
                Figure("\(streams) streams: server CPU a chunk", ours.median, "µs"),
                Figure("\(streams) streams: server CPU a chunk, C", theirs.median, "µs"),
                Figure("\(streams) streams: server CPU a chunk, Swift : C", ours.median / theirs.median, "x"),
            ]
        }
        return figures
    }

    /// Processor time of a chunk, user and system, in one run of the server.
    static func chunkMicroseconds(inC: Bool, streams: Int, _ settings: Settings) throws(BenchmarkFailure) -> Double {
        var plan = HTTPPlan(settings)
        plan.events = HTTPPlan.endless
        plan.paceMilliseconds = paceMilliseconds
        return try HTTPRun.measure(plan, inC: inC, connections: streams).microsecondsPerEvent
    }
}
