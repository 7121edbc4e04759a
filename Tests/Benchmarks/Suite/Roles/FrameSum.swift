import WireProtocol

/// Decodes batches as a frontend would: each frame's request and position are looked at, each token is used.
struct FrameSum {
    private(set) var frames = 0
    private(set) var sum: UInt64 = 0

    /// The body of a TokenBatch.
    @inline(__always)
    mutating func add(_ body: RawSpan) throws(WireError) {
        var cursor = try TokenBatchCursor(body), frames = 0, sum: UInt64 = 0
        while let frame = try cursor.next() {
            frames &+= 1
            sum &+= frame.counter &+ UInt64(frame.firstPosition)
            for index in 0..<frame.tokenCount { sum &+= UInt64(frame.token(at: index)) }
        }
        self.frames &+= frames
        self.sum &+= sum
    }
}
