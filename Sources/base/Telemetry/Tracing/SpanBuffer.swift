/// Spans that wait to be sent, oldest first, and no more of them than were allowed.
///
/// What finds it full is dropped and counted: what waits already tells of the time in which the trouble began.
package struct SpanBuffer: Sendable {
    private var waiting: [Span] = []
    private var first = 0
    private let limit: Int
    /// Refused since `takeDropped` was last asked.
    private var dropped = 0

    package init(limit: Int) {
        precondition(limit > 0, "a buffer holds something")
        self.limit = limit
    }

    package var count: Int { waiting.count - first }
    package var isEmpty: Bool { count == 0 }

    package mutating func append(_ span: Span) {
        guard count < limit else { return dropped += 1 }
        waiting.append(span)
    }

    /// At most so many of the oldest, which leave.
    package mutating func take(atMost most: Int) -> [Span] {
        let end = min(waiting.count, first + most), batch = Array(waiting[first..<end])
        first = end
        // Moved once for each time that half of it has left: every span is moved a bounded number of times.
        if first * 2 >= waiting.count {
            waiting.removeSubrange(..<first)
            first = 0
        }
        return batch
    }

    package mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }
}
