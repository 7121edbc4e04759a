/// Writes the frames of one TokenBatch into memory that is reused from step to step. Layout: `proto-spec/04-messages.md#tokenbatch`.
///
/// One for each frontend that a worker serves: `begin`, `append` for each choice that moved, `finish`, send `message`. `public` for the
/// reason that the cursor gives.
public struct TokenBatchWriter {
    /// The largest frame there is: `isFull` keeps room for it.
    private static let largestFrameBytes =
        TokenBatchCursor.headBytes + 1 + Limits.tokensPerFrame * (4 + 5 + Limits.topLogprobs * 8) + 4 + Limits.frameExtensionBytes

    @usableFromInline static var largestOneTokenFrame: Int {
        @inlinable get { 22 }
    }

    /// Longer than what was written: a frame is stored with three writes, without an append for each field.
    @usableFromInline var memory: [UInt8] = []
    @usableFromInline var end = 0
    @usableFromInline var frames = 0

    public init() {}

    public var frameCount: Int { frames }
    public var isEmpty: Bool { frames == 0 }

    /// The batch must be finished and sent before another frame is appended.
    public var isFull: Bool {
        frameCount == Limits.framesPerBatch || end > MessageHeader.byteCount + Limits.messageBytes - Self.largestFrameBytes
    }

    /// The message, header and all, once it is finished.
    public var message: RawSpan {
        @_lifetime(borrow self)
        get { memory.span.bytes.extracting(first: end) }
    }

    /// Starts a message for the frontend `origin`; what was there before is dropped, its memory kept.
    public mutating func begin(origin: UInt64, number: UInt64) {
        if memory.isEmpty {
            MessageHeader(kind: .tokenBatch).append(to: &memory)
            memory.appendLittleEndian(UInt32(0))
        }
        memory.storeLittleEndian(origin, at: MessageHeader.originOffset)
        memory.storeLittleEndian(number, at: MessageHeader.numberOffset)
        end = MessageHeader.byteCount + 4
        frames = 0
    }

    /// A frame of one token without logprobs: what a step gives most choices.
    @inlinable
    @inline(__always)
    public mutating func append(
        counter: UInt64, attempt: UInt8, choice: UInt8 = 0, leg: Leg = .aggregated, position: UInt32, token: UInt32,
        finish: FinishReason? = nil
    ) {
        reserve(Self.largestOneTokenFrame)
        let head = TokenFrameHead(counter: counter, firstPosition: position, choice: choice, attempt: attempt, leg: leg, tokenCount: 1)
        let start = end, extra = finish == nil ? 0 : 1
        // One access for the whole frame: each asks whether the memory is ours alone.
        memory.withUnsafeMutableBytes { memory in
            memory.storeBytes(of: head.counter.littleEndian, toByteOffset: start, as: UInt64.self)
            memory.storeBytes(of: head.packed.littleEndian, toByteOffset: start &+ 8, as: UInt64.self)
            memory.storeBytes(of: UInt8(truncatingIfNeeded: extra), toByteOffset: start &+ 16, as: UInt8.self)
            if let finish { memory.storeBytes(of: finish.rawValue, toByteOffset: start &+ 17, as: UInt8.self) }
            memory.storeBytes(of: token.littleEndian, toByteOffset: start &+ 17 &+ extra, as: UInt32.self)
        }
        end = start &+ 21 &+ extra
        frames &+= 1
    }

    /// A frame of up to `Limits.tokensPerFrame` tokens; `logprobs` is nil or has one element a token.
    package mutating func append(
        counter: UInt64, attempt: UInt8, choice: UInt8 = 0, leg: Leg = .aggregated, firstPosition: UInt32, tokens: [UInt32],
        finish: FinishReason? = nil, logprobs: [TokenLogprob]? = nil
    ) {
        precondition(tokens.count <= Limits.tokensPerFrame, "a longer run is several frames")
        let head = TokenFrameHead(
            counter: counter, firstPosition: firstPosition, choice: choice, attempt: attempt, leg: leg, tokenCount: UInt8(tokens.count))
        appendHead(head, flags: logprobs == nil ? 0 : TokenFrame.Flags.logprobs, finish, reserving: tokens.count * 4)
        for token in tokens { store(token) }
        guard let logprobs else { return }
        precondition(logprobs.count == tokens.count, "one logprob a token")
        for logprob in logprobs { append(logprob) }
    }

    /// Completes the message; it may be sent.
    public mutating func finish() {
        precondition(
            frameCount <= Limits.framesPerBatch && end - MessageHeader.byteCount <= Limits.messageBytes, "a full batch is sent first")
        memory.storeLittleEndian(UInt32(frameCount), at: MessageHeader.byteCount)
        memory.storeLittleEndian(UInt32(end - MessageHeader.byteCount), at: MessageHeader.bodyLengthOffset)
    }

    // MARK: Storing

    private mutating func appendHead(_ head: TokenFrameHead, flags: UInt8, _ finish: FinishReason?, reserving bytes: Int) {
        reserve(TokenBatchCursor.headBytes &+ 1 &+ bytes)
        frames &+= 1
        store(head.counter)
        store(head.packed)
        if let finish {
            store(flags | TokenFrame.Flags.finish)
            store(finish.rawValue)
        } else {
            store(flags)
        }
    }

    private mutating func append(_ logprob: TokenLogprob) {
        precondition(logprob.top.count <= Limits.topLogprobs, "no more top logprobs than a request may ask for")
        precondition(logprob.chosen.isFinite && logprob.top.allSatisfy { $0.logprob.isFinite }, "numbers that a peer would accept")
        reserve(5 + logprob.top.count * 8)
        store(logprob.chosen.bitPattern)
        store(UInt8(logprob.top.count))
        for candidate in logprob.top {
            store(candidate.token)
            store(candidate.logprob.bitPattern)
        }
    }

    @inlinable
    @inline(__always)
    mutating func reserve(_ count: Int) {
        if memory.count &- end < count { grow(by: count) }
    }

    @usableFromInline
    @inline(never)
    mutating func grow(by count: Int) {
        let wanted = max(memory.count * 2, end + count, 4096)
        memory.append(contentsOf: repeatElement(0, count: wanted - memory.count))
    }

    /// `reserve` made room for it.
    private mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        let place = end
        memory.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: place, as: T.self) }
        end = place &+ MemoryLayout<T>.size
    }
}
