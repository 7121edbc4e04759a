import WireProtocol

/// Decodes batches as a frontend would: each frame's request and position are looked at, each token is used.
struct FrameSum {
    private(set) var frames = 0
    private(set) var sum: UInt64 = 0

    /// The body of a TokenBatch.
    @inline(__always)
    mutating func add(_ body: RawSpan) throws(WireError) {
        var cursor = try TokenBatchCursor(body), sum: UInt64 = 0
        frames &+= cursor.remaining
        while let frame = try cursor.next() {
            sum &+= frame.counter &+ UInt64(frame.firstPosition)
            for index in 0..<frame.tokenCount { sum &+= UInt64(frame.token(at: index)) }
        }
        self.sum &+= sum
    }
}
