/// The frames of a received TokenBatch, in place: it allocates nothing and cannot outlive the bytes.
/// Layout: `proto-spec/04-messages.md#tokenbatch`.
///
/// It accepts and refuses exactly what `TokenBatch` does, with the same errors; a fault in the last frame or in the tail shows only
/// when it is reached, so a caller may have used the frames before it.
///
/// `public`, as is what it shows, since the compiler (6.3) inlines no `package` function into another module, `@inlinable` or not, and a frame
/// costs 2 ns to decode and 14 with calls.
public struct TokenBatchCursor: ~Escapable {
    @usableFromInline let body: RawSpan
    @usableFromInline var offset: Int
    @usableFromInline var left: Int

    /// Fewer than the limit of any version: more are held against it out of line.
    @inlinable static var fewFrames: Int { 1 << 10 }

    @inlinable public var remaining: Int { left }

    /// Reads the count; `body` is what follows the header.
    @inlinable
    @inline(__always)
    @_lifetime(copy body)
    public init(_ body: RawSpan) throws(WireError) {
        // The first four bytes are there, or the count is refused.
        left = body.byteCount >= 4 ? Int(body.unsafeWord(0)) : Int.max
        offset = 4
        self.body = body
        if left > Self.fewFrames || left > body.byteCount &- 4 { try Self.checkCount(in: body) }
    }

    /// The next frame, or nil when all were read and the tail is well formed.
    @inlinable
    @inline(__always)
    @_lifetime(copy self)
    public mutating func next() throws(WireError) -> TokenFrameView? {
        guard left > 0 else {
            if offset != body.byteCount { try checkTail() }
            return nil
        }
        let start = offset, bytesLeft = body.byteCount &- start
        guard bytesLeft >= TokenFrameView.headBytes else { throw refusal() }
        // In bounds: the head's 17 bytes were checked in the line above.
        let packed = UInt64(littleEndian: unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 8, as: UInt64.self))
        let flags = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 16, as: UInt8.self)
        var size = TokenFrameView.headBytes &+ Int(truncatingIfNeeded: packed >> 56) &* 4
        if UInt8(truncatingIfNeeded: packed >> 48) > TokenFrameView.lastLeg || flags != 0 || bytesLeft < size { size = try sizeWithExtras() }
        offset = start &+ size
        left &-= 1
        // In bounds: `size` was compared with the bytes that are left.
        return TokenFrameView(unsafe body.extracting(unchecked: Range(uncheckedBounds: (start, start &+ size))))
    }

    /// Of a frame with a finish reason, logprobs or an addition; throws for one to be refused.
    @usableFromInline
    @inline(never)
    func sizeWithExtras() throws(WireError) -> Int {
        let frame = TokenFrameView(body.extracting(offset...)), flags = frame.flags
        guard Leg(rawValue: frame.rawLeg) != nil, flags & ~TokenFrame.Flags.known == 0 else { throw refusal() }
        var at = offset + TokenFrame.headBytes
        if flags & TokenFrame.Flags.finish != 0 {
            guard at < body.byteCount, FinishReason(rawValue: body.unsafeByte(at)) != nil else { throw refusal() }
            at += 1
        }
        at += frame.tokenCount * 4
        guard at <= body.byteCount else { throw refusal() }
        if flags & TokenFrame.Flags.logprobs != 0 {
            guard let end = endOfLogprobs(from: at, count: frame.tokenCount) else { throw refusal() }
            at = end
        }
        if flags & TokenFrame.Flags.addition != 0 {
            guard body.byteCount - at >= 4 else { throw refusal() }
            let count = Int(body.unsafeWord(at))
            guard count <= Limits.frameExtensionBytes, count <= body.byteCount - at - 4 else { throw refusal() }
            at += 4 + count
        }
        return at - offset
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
    static func checkCount(in body: RawSpan) throws(WireError) {
        var reader = WireReader(body)
        _ = try reader.count("frames", atMost: Limits.framesPerBatch, elementBytes: 1)
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

/// The first 16 bytes of a frame: the counter, and the seven bytes and the position behind it in one word.
struct TokenFrameHead {
    let counter: UInt64
    let packed: UInt64

    init(counter: UInt64, firstPosition: UInt32, choice: UInt8, attempt: UInt8, leg: Leg, tokenCount: UInt8) {
        self.counter = counter
        packed =
            UInt64(firstPosition) | UInt64(choice) << 32 | UInt64(attempt) << 40 | UInt64(leg.rawValue) << 48 | UInt64(tokenCount) << 56
    }
}

/// One frame of a received TokenBatch, over the received bytes. Layout: `proto-spec/04-messages.md#tokenframe`.
///
/// It is the frame's bytes and nothing else: a field is read when asked for.
public struct TokenFrameView: ~Escapable {
    @inlinable static var headBytes: Int { 17 }
    /// A `Leg` up to this one is passed at once; others are looked up.
    @inlinable static var lastLeg: UInt8 { 2 }

    /// From the head to the end of the frame; the cursor checked that what the head announces is there.
    @usableFromInline let bytes: RawSpan

    @inlinable
    @inline(__always)
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    @inlinable public var counter: UInt64 { bytes.unsafeLong(0) }
    @inlinable public var firstPosition: UInt32 { bytes.unsafeWord(8) }
    @inlinable public var choice: UInt8 { bytes.unsafeByte(12) }
    @inlinable public var attempt: UInt8 { bytes.unsafeByte(13) }
    /// The cursor let no other value pass.
    package var leg: Leg { Leg(rawValue: rawLeg) ?? .aggregated }
    @inlinable public var tokenCount: Int { Int(bytes.unsafeByte(15)) }
    /// The last token ends the choice.
    @inlinable public var finish: FinishReason? {
        flags & 1 == 0 ? nil : FinishReason(rawValue: bytes.unsafeByte(Self.headBytes))
    }

    @inlinable
    @inline(__always)
    public func token(at index: Int) -> UInt32 {
        precondition(index >= 0 && index < tokenCount, "a token of this frame")
        return bytes.unsafeWord(tokensOffset &+ index &* 4)
    }

    @inlinable
    @inline(__always)
    public func appendTokens(to buffer: inout [UInt32]) {
        for index in 0..<tokenCount { buffer.append(bytes.unsafeWord(tokensOffset &+ index &* 4)) }
    }

    /// A copy of the logprobs, one a token; none if the request did not ask for them.
    package func logprobs() -> [TokenLogprob]? {
        guard flags & TokenFrame.Flags.logprobs != 0 else { return nil }
        var reader = WireReader(bytes.extracting((tokensOffset + tokenCount * 4)...)), list: [TokenLogprob] = []
        do throws(WireError) { try reader.array("logprobs", &list, count: tokenCount) } catch {
            preconditionFailure("the cursor passed logprobs that do not decode: \(error)")
        }
        return list
    }

    @inlinable var rawLeg: UInt8 { bytes.unsafeByte(14) }
    @inlinable var flags: UInt8 { bytes.unsafeByte(16) }
    /// A finish reason stands before the tokens.
    @inlinable var tokensOffset: Int { Self.headBytes &+ Int(flags & 1) }
}

extension RawSpan {
    /// The caller checked that the byte is there.
    @inlinable
    @inline(__always)
    func unsafeByte(_ offset: Int) -> UInt8 { unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self) }

    /// The caller checked that the four bytes are there.
    @inlinable
    @inline(__always)
    func unsafeWord(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    /// The caller checked that the eight bytes are there.
    @inlinable
    @inline(__always)
    func unsafeLong(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    func isFinite(_ offset: Int) -> Bool { Float(bitPattern: unsafeWord(offset)).isFinite }
}
