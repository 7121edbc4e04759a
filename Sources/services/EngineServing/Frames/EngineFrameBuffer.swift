import WireProtocol

/// What has arrived from the other side, and the frames in it. It grows to the longest frame, and no frame is longer than its limit.
package struct EngineFrameBuffer {
    private var bytes: [UInt8] = []
    /// Behind the frames that were taken.
    private var start = 0
    /// Behind what has arrived.
    private var end = 0

    package init() {}

    /// Arrived and not taken.
    package var byteCount: Int { end - start }

    /// Lets `read` put bytes behind those that are there, and takes as many as it says.
    package mutating func fill(_ read: (UnsafeMutableRawBufferPointer) -> Int) {
        if start == end {
            start = 0
            end = 0
        } else if start > 0, bytes.count - end < EngineFrameLimits.readBytes {
            bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
            end -= start
            start = 0
        }
        if bytes.count - end < EngineFrameLimits.readBytes {
            bytes.append(contentsOf: repeatElement(0, count: max(EngineFrameLimits.readBytes, bytes.count)))
        }
        let count = bytes.withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[end...])) }
        precondition((0...(bytes.count - end)).contains(count), "a reader takes no more than the room that it was given")
        end += count
    }

    /// The kind of the first frame, if all of it is there.
    package func next() throws(EngineProtocolError) -> EngineFrameKind? { try head()?.kind }

    /// Takes the first frame, which `next` has seen; its body is lent for the call.
    package mutating func take<Result>(
        _ read: (RawSpan) throws(EngineProtocolError) -> Result
    ) throws(EngineProtocolError) -> Result {
        guard let head = try head() else { preconditionFailure("only a frame that is there is taken") }
        defer { start = head.body.upperBound }
        return try read(bytes.span.bytes.extracting(head.body))
    }

    private func head() throws(EngineProtocolError) -> (kind: EngineFrameKind, body: Range<Int>)? {
        guard end - start >= EngineFrameKind.headBytes else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }, raw = bytes[start + 4]
        // Judged before the rest has come: nobody waits for gigabytes, or keeps them.
        guard (1...EngineFrameLimits.frameBytes).contains(length) else { throw .frameLength(length) }
        guard let kind = EngineFrameKind(rawValue: raw) else { throw .unknownFrame(raw) }
        let last = start + 4 + length
        return last <= end ? (kind, (start + EngineFrameKind.headBytes)..<last) : nil
    }
}
