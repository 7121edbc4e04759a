import ClusterFollowing
import ClusterModel
import WireProtocol

/// What is watched, for people: lines of fixed columns. Times are milliseconds.
enum WatchText {
    static let requestHead =
        columns([
            ("request", -22), ("model", -16), ("status", 6), ("tries", 5), ("prompt", 7), ("cached", 7), ("output", 7), ("queue", 9),
            ("wait", 9), ("prefill", 9), ("decode", 10), ("first", 9), ("total", 10), ("end", -12), ("worker", 0),
        ])

    /// - Parameter cuts: names to the width of their columns; else they stay whole, and move what is behind them.
    static func request(_ timeline: Timeline, named names: [UInt64: String], cuts: Bool = false) -> String {
        let slice = timeline.slice, answering = timeline.answering, prefilling = timeline.prefilling
        func told(_ value: UInt32?) -> String { value.map { "\($0)" } ?? "-" }
        func span(_ microseconds: UInt64?) -> String { microseconds.map(milliseconds) ?? "-" }
        let place = answering.map { "\(EventText.plain(names[$0.life.worker] ?? Hexadecimal.text($0.life.worker)))/\($0.rank)" } ?? "-"
        return columns([
            (short(timeline.id), -22), (name(slice?.model ?? "-", cuts ? 16 : nil), -16), (slice.map { "\($0.status)" } ?? "-", 6),
            (slice.map { "\($0.attempts)" } ?? "-", 5), (told(slice?.promptTokens), 7),
            (told(slice?.cachedTokens ?? prefilling?.cachedTokens), 7), (told(slice?.outputTokens ?? answering?.outputTokens), 7),
            (timeline.routes.isEmpty ? "-" : milliseconds(timeline.queueMicroseconds), 9),
            (span(prefilling?.durations.waitedMicroseconds), 9), (span(prefilling?.durations.prefillMicroseconds), 9),
            (span(answering?.durations.decodeMicroseconds), 10), (span(slice?.durations.firstTokenMicroseconds), 9),
            (span(slice?.durations.totalMicroseconds), 10), (answering?.end.map(EventText.name) ?? "-", -12), (place, 0),
        ])
    }

    static let loadHead = columns([
        ("worker", -24), ("state", -10), ("running", 8), ("waiting", 8), ("tokens", 9), ("booked", 7), ("active", 9), ("used", 9),
        ("blocks", 9), ("", 0),
    ])

    static func load(_ rank: ClusterLoad.Rank, cuts: Bool = false) -> String {
        let load = rank.load.load, number = "/\(load.rank)"
        return columns([
            (name(rank.name, cuts ? 24 - number.count : nil) + number, -24), ("\(rank.state)", -10), ("\(load.runningRequests)", 8),
            ("\(load.waitingRequests)", 8), ("\(load.waitingTokens)", 9), ("\(rank.load.requests)", 7), ("\(load.activeBlocks)", 9),
            ("\(load.usedBlocks)", 9), ("\(load.totalBlocks)", 9), (rank.load.busy ? "busy" : "", 0),
        ])
    }

    static let queueHead = columns([("queue of", -24), ("router", -10), ("requests", 8), ("tokens", 18), ("oldest", 17), ("tokens/s", 10)])

    static func queue(_ queue: ClusterLoad.Queue, cuts: Bool = false) -> String {
        columns([
            (name(queue.depth.model, cuts ? 24 : nil), -24), ("\(queue.router)", -10), ("\(queue.depth.requests)", 8),
            ("\(queue.depth.tokens)", 18),
            (milliseconds(UInt64(queue.depth.oldestMilliseconds) * 1_000), 17), ("\(queue.depth.drainedTokensPerSecond)", 10),
        ])
    }

    // MARK: Parts

    /// A negative width pads on the right; text that is wider stays whole.
    private static func columns(_ cells: [(text: String, width: Int)]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: max(0, abs(cell.width) - cell.text.count))
            line += (index == 0 ? "" : " ") + (cell.width < 0 ? cell.text + padding : padding + cell.text)
        }
        while line.hasSuffix(" ") { line.removeLast() }
        return line
    }

    /// The end of the frontend's number and the request's own: enough to tell those of a minute apart.
    private static func short(_ id: RequestID) -> String { "\(Hexadecimal.text(id.origin).suffix(8))-\(id.counter)" }

    private static func milliseconds(_ microseconds: UInt64) -> String {
        "\(microseconds / 1_000).\(microseconds % 1_000 / 100)"
    }

    private static func name(_ text: String, _ width: Int?) -> String {
        let text = EventText.plain(text)
        guard let width, WatchScreen.cut(text, to: width) != text else { return text }
        return WatchScreen.cut(text, to: width - 1) + "~"
    }
}
