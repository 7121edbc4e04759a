/// The frames of a received TokenBatch, in place: it allocates nothing and cannot outlive the bytes.
/// Layout: `proto-spec/04-messages.md#tokenbatch`.
///
/// It accepts and refuses exactly what `TokenBatch` does, with the same errors; a fault in the last frame or in the tail shows only
/// when it is reached, so a caller may have used the frames before it.
public struct TokenBatchCursor: ~Escapable {
    @usableFromInline static var headBytes: Int {
        @inlinable get { 17 }
    }
    /// `Limits.framesPerBatch`, where it can be inlined; a test compares them.
    @usableFromInline static var mostFrames: Int {
        @inlinable get { 16 << 10 }
    }

    @usableFromInline let body: RawSpan
    @usableFromInline var offset: Int
    @usableFromInline var left: Int
    /// How many frames are still to be read.
    public var remaining: Int { left }

    /// Reads the count; `body` is what follows the header.
    @inlinable
    @inline(__always)
    @_lifetime(copy body)
    public init(_ body: RawSpan) throws(WireError) {
        self.body = body
        offset = 4
        left = body.byteCount >= 4 ? Int(truncatingIfNeeded: body.unsafeWord(0)) : -1
        guard left >= 0, left <= Self.mostFrames, left <= body.byteCount &- 4 else { throw Self.refusedCount(body) }
    }

    /// The next frame, or nil when all were read and the tail is well formed.
    ///
    /// Inlined into the services' loops, as are the properties of the frame: a call costs more than all of it. It is `public` because
    /// the compiler inlines nothing that is `package` into another module.
    @inlinable
    @inline(__always)
    @_lifetime(copy self)
    public mutating func next() throws(WireError) -> TokenFrameView? {
        guard left > 0 else {
            if offset != body.byteCount { try checkTail() }
            return nil
        }
        let available = body.byteCount &- offset
        guard available >= Self.headBytes else { throw refusal() }
        // In bounds: the head's 17 bytes were checked in the line above.
        let counter = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
        let packed = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ 8, as: UInt64.self)
        let flags = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ 16, as: UInt8.self)
        let head = TokenFrameHead(counter: UInt64(littleEndian: counter), packed: UInt64(littleEndian: packed))
        let tokenBytes = head.tokenCount &* 4
        guard head.rawLeg <= 2, flags == 0, available &- Self.headBytes >= tokenBytes else {
            let extras = try withExtras(head, flags: flags)
            offset = extras.end
            left &-= 1
            return extras.frame
        }
        let tokens = offset &+ Self.headBytes
        offset = tokens &+ tokenBytes
        left &-= 1
        // In bounds: the guard above compared with the bytes that are left.
        return TokenFrameView(
            head, rawFinish: 0, hasLogprobs: false, elements: unsafe body.extracting(unchecked: Range(uncheckedBounds: (tokens, offset))))
    }

    /// A frame with a finish reason, logprobs or an addition, or one to be refused.
    ///
    /// It does not move the cursor itself: a cursor whose address is handed on would be kept in memory by its callers' loops.
    @usableFromInline
    @inline(never)
    @_lifetime(copy self)
    func withExtras(_ head: TokenFrameHead, flags: UInt8) throws(WireError) -> FrameWithExtras {
        guard head.rawLeg <= Leg.decode.rawValue, flags & ~TokenFrame.Flags.known == 0 else { throw refusal() }
        var at = offset + Self.headBytes, rawFinish: UInt8 = 0
        if flags & TokenFrame.Flags.finish != 0 {
            guard at < body.byteCount, FinishReason(rawValue: body.unsafeByte(at)) != nil else { throw refusal() }
            rawFinish = body.unsafeByte(at)
            at += 1
        }
        let tokens = at..<(at + head.tokenCount * 4)
        guard tokens.upperBound <= body.byteCount else { throw refusal() }
        at = tokens.upperBound
        if flags & TokenFrame.Flags.logprobs != 0 {
            guard let end = endOfLogprobs(from: at, count: head.tokenCount) else { throw refusal() }
            at = end
        }
        let elements = tokens.lowerBound..<at
        if flags & TokenFrame.Flags.addition != 0 {
            guard body.byteCount - at >= 4 else { throw refusal() }
            let count = Int(body.unsafeWord(at))
            guard count <= Limits.frameExtensionBytes, count <= body.byteCount - at - 4 else { throw refusal() }
            at += 4 + count
        }
        let hasLogprobs = flags & TokenFrame.Flags.logprobs != 0
        let frame = TokenFrameView(head, rawFinish: rawFinish, hasLogprobs: hasLogprobs, elements: body.extracting(elements))
        return FrameWithExtras(frame, end: at)
    }

    /// Where the logprobs of `count` tokens end, or nil if they are cut off or not finite.
    private func endOfLogprobs(from start: Int, count: Int) -> Int? {
        var at = start
        for _ in 0..<count {
            guard body.byteCount - at >= 5, body.isFinite(at) else { return nil }
            let top = Int(body.unsafeByte(at + 4))
            at += 5
            guard body.byteCount - at >= top * 8 else { return nil }
            for index in 0..<top where !body.isFinite(at + index * 8 + 4) { return nil }
            at += top * 8
        }
        return at
    }

    @usableFromInline
    @inline(never)
    func checkTail() throws(WireError) {
        var reader = WireReader(body.extracting(offset...))
        try reader.skipTail("tail")
    }

    @usableFromInline
    @inline(never)
    static func refusedCount(_ body: RawSpan) -> WireError {
        var reader = WireReader(body)
        do throws(WireError) { _ = try reader.count("frames", atMost: Limits.framesPerBatch, elementBytes: 1) } catch { return error }
        preconditionFailure("the cursor refused a count that the record accepts")
    }

    /// The error that the record's layout gives for the bytes at hand: one text of rules, not two.
    @usableFromInline
    @inline(never)
    func refusal() -> WireError {
        var reader = WireReader(body.extracting(offset...)), frame = TokenFrame()
        do throws(WireError) { try frame.layout(&reader) } catch { return error }
        preconditionFailure("the cursor refused a frame that its layout accepts")
    }
}

/// The first 16 bytes of a frame: the counter, and the position with the four bytes behind it in one word.
@usableFromInline
struct TokenFrameHead {
    @usableFromInline let counter: UInt64
    @usableFromInline let packed: UInt64

    @inlinable
    init(counter: UInt64, packed: UInt64) {
        self.counter = counter
        self.packed = packed
    }

    @inlinable
    init(counter: UInt64, firstPosition: UInt32, choice: UInt8, attempt: UInt8, leg: Leg, tokenCount: UInt8) {
        self.counter = counter
        packed =
            UInt64(firstPosition) | UInt64(choice) << 32 | UInt64(attempt) << 40 | UInt64(leg.rawValue) << 48 | UInt64(tokenCount) << 56
    }

    @inlinable var firstPosition: UInt32 { UInt32(truncatingIfNeeded: packed) }
    @inlinable var choice: UInt8 { UInt8(truncatingIfNeeded: packed >> 32) }
    @inlinable var attempt: UInt8 { UInt8(truncatingIfNeeded: packed >> 40) }
    @inlinable var rawLeg: UInt8 { UInt8(truncatingIfNeeded: packed >> 48) }
    @inlinable var tokenCount: Int { Int(truncatingIfNeeded: packed >> 56) }
}

/// A frame, and where it ends.
@usableFromInline
struct FrameWithExtras: ~Escapable {
    @usableFromInline let frame: TokenFrameView
    @usableFromInline let end: Int

    @_lifetime(copy frame)
    init(_ frame: consuming TokenFrameView, end: Int) {
        self.frame = frame
        self.end = end
    }
}

/// One frame of a received TokenBatch, over the received bytes. Layout: `proto-spec/04-messages.md#tokenframe`.
public struct TokenFrameView: ~Escapable {
    @usableFromInline let head: TokenFrameHead
    /// 0: none.
    @usableFromInline let rawFinish: UInt8
    @usableFromInline let hasLogprobs: Bool
    /// The tokens, then the logprobs.
    @usableFromInline let elements: RawSpan

    /// The cursor checked `elements` against the head.
    @inlinable
    @inline(__always)
    @_lifetime(copy elements)
    init(_ head: TokenFrameHead, rawFinish: UInt8, hasLogprobs: Bool, elements: RawSpan) {
        self.head = head
        self.rawFinish = rawFinish
        self.hasLogprobs = hasLogprobs
        self.elements = elements
    }

    @inlinable public var counter: UInt64 { head.counter }
    @inlinable public var firstPosition: UInt32 { head.firstPosition }
    @inlinable public var choice: UInt8 { head.choice }
    @inlinable public var attempt: UInt8 { head.attempt }
    /// The cursor let no other value pass.
    @inlinable public var leg: Leg { Leg(rawValue: head.rawLeg) ?? .aggregated }
    @inlinable public var tokenCount: Int { head.tokenCount }
    /// Whether and why the last token ends the choice.
    @inlinable public var finish: FinishReason? { rawFinish == 0 ? nil : FinishReason(rawValue: rawFinish) }

    @inlinable
    @inline(__always)
    public func token(at index: Int) -> UInt32 {
        precondition(index >= 0 && index < head.tokenCount, "a token of this frame")
        return elements.unsafeWord(index &* 4)
    }

    @inlinable
    @inline(__always)
    public func appendTokens(to buffer: inout [UInt32]) {
        // Most frames have one token: no loop for them.
        guard head.tokenCount != 1 else { return buffer.append(elements.unsafeWord(0)) }
        for index in 0..<head.tokenCount { buffer.append(elements.unsafeWord(index &* 4)) }
    }

    /// A copy of the logprobs, one a token; none if the request did not ask for them.
    package func logprobs() -> [TokenLogprob]? {
        guard hasLogprobs else { return nil }
        var reader = WireReader(elements.extracting(droppingFirst: head.tokenCount * 4)), list: [TokenLogprob] = []
        do throws(WireError) { try reader.array("logprobs", &list, count: head.tokenCount) } catch {
            preconditionFailure("the cursor passed logprobs that do not decode: \(error)")
        }
        return list
    }
}

extension RawSpan {
    /// The caller checked that the byte is there.
    @inline(__always)
    func unsafeByte(_ offset: Int) -> UInt8 { unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self) }

    /// The caller checked that the four bytes are there.
    @inlinable
    @inline(__always)
    func unsafeWord(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    func isFinite(_ offset: Int) -> Bool { Float(bitPattern: unsafeWord(offset)).isFinite }
}
