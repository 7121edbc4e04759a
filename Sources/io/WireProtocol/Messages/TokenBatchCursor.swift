/// The frames of a received TokenBatch, in place: it allocates nothing and cannot outlive the bytes.
/// Layout: `proto-spec/04-messages.md#tokenbatch`.
///
/// It accepts and refuses exactly what `TokenBatch` does, with the same errors; a fault in the last frame or in the tail shows only
/// when it is reached, so a caller may have used the frames before it.
package struct TokenBatchCursor: ~Escapable {
    private let body: RawSpan
    private var offset: Int
    package private(set) var remaining: Int

    /// Reads the count; `body` is what follows the header.
    @_lifetime(copy body)
    package init(_ body: RawSpan) throws(WireError) {
        var reader = WireReader(body)
        remaining = try reader.count("frames", atMost: Limits.framesPerBatch, elementBytes: 1)
        offset = reader.offset
        self.body = body
    }

    /// The next frame, or nil when all were read and the tail is well formed.
    @inline(__always)
    @_lifetime(copy self)
    package mutating func next() throws(WireError) -> TokenFrameView? {
        guard remaining > 0 else {
            try checkTail()
            return nil
        }
        let start = offset, left = body.byteCount &- start
        guard left >= TokenFrame.headBytes else { throw refusal() }
        // In bounds: the head's 17 bytes were checked in the line above.
        let counter = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: UInt64.self)
        let packed = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 8, as: UInt64.self)
        let flags = unsafe body.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 16, as: UInt8.self)
        let head = TokenFrameHead(counter: UInt64(littleEndian: counter), packed: UInt64(littleEndian: packed))
        let tokenBytes = head.tokenCount &* 4
        guard head.rawLeg <= Leg.decode.rawValue, flags == 0, left &- TokenFrame.headBytes >= tokenBytes else {
            return try nextWithExtras(head, flags: flags)
        }
        let tokens = start &+ TokenFrame.headBytes
        offset = tokens &+ tokenBytes
        remaining &-= 1
        // In bounds: the guard above compared with the bytes that are left.
        return TokenFrameView(head, finish: nil, tokens: unsafe body.extracting(unchecked: tokens..<offset), logprobs: nil)
    }

    /// A frame with a finish reason, logprobs or an addition, or one to be refused.
    @inline(never)
    @_lifetime(copy self)
    private mutating func nextWithExtras(_ head: TokenFrameHead, flags: UInt8) throws(WireError) -> TokenFrameView? {
        guard head.rawLeg <= Leg.decode.rawValue, flags & ~TokenFrame.Flags.known == 0 else { throw refusal() }
        var at = offset + TokenFrame.headBytes, finish: FinishReason?
        if flags & TokenFrame.Flags.finish != 0 {
            guard at < body.byteCount, let reason = FinishReason(rawValue: body.unsafeByte(at)) else { throw refusal() }
            finish = reason
            at += 1
        }
        let tokens = at..<(at + head.tokenCount * 4)
        guard tokens.upperBound <= body.byteCount else { throw refusal() }
        at = tokens.upperBound
        var logprobs: RawSpan?
        if flags & TokenFrame.Flags.logprobs != 0 {
            guard let end = endOfLogprobs(from: at, count: head.tokenCount) else { throw refusal() }
            logprobs = body.extracting(at..<end)
            at = end
        }
        if flags & TokenFrame.Flags.addition != 0 {
            guard body.byteCount - at >= 4 else { throw refusal() }
            let count = Int(body.unsafeWord(at))
            guard count <= Limits.frameExtensionBytes, count <= body.byteCount - at - 4 else { throw refusal() }
            at += 4 + count
        }
        offset = at
        remaining -= 1
        return TokenFrameView(head, finish: finish, tokens: body.extracting(tokens), logprobs: logprobs)
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

    @inline(never)
    private func checkTail() throws(WireError) {
        var reader = WireReader(body.extracting(offset...))
        try reader.skipTail("tail")
    }

    /// The error that the record's layout gives for the bytes at hand: one text of rules, not two.
    @inline(never)
    private func refusal() -> WireError {
        var reader = WireReader(body.extracting(offset...)), frame = TokenFrame()
        do throws(WireError) { try frame.layout(&reader) } catch { return error }
        preconditionFailure("the cursor refused a frame that its layout accepts")
    }
}

/// The first 16 bytes of a frame: the counter, and the seven bytes and the position behind it in one word.
struct TokenFrameHead {
    let counter: UInt64
    let packed: UInt64

    init(counter: UInt64, packed: UInt64) {
        self.counter = counter
        self.packed = packed
    }

    init(counter: UInt64, firstPosition: UInt32, choice: UInt8, attempt: UInt8, leg: Leg, tokenCount: UInt8) {
        self.counter = counter
        packed =
            UInt64(firstPosition) | UInt64(choice) << 32 | UInt64(attempt) << 40 | UInt64(leg.rawValue) << 48 | UInt64(tokenCount) << 56
    }

    var firstPosition: UInt32 { UInt32(truncatingIfNeeded: packed) }
    var choice: UInt8 { UInt8(truncatingIfNeeded: packed >> 32) }
    var attempt: UInt8 { UInt8(truncatingIfNeeded: packed >> 40) }
    var rawLeg: UInt8 { UInt8(truncatingIfNeeded: packed >> 48) }
    var tokenCount: Int { Int(packed >> 56) }
}

/// One frame of a received TokenBatch, over the received bytes. Layout: `proto-spec/04-messages.md#tokenframe`.
package struct TokenFrameView: ~Escapable {
    private let head: TokenFrameHead
    package let finish: FinishReason?
    private let tokens: RawSpan
    private let logprobBytes: RawSpan?

    /// The cursor checked `tokens` and `logprobs` against the head.
    @inline(__always)
    @_lifetime(copy tokens, copy logprobs)
    init(_ head: TokenFrameHead, finish: FinishReason?, tokens: RawSpan, logprobs: RawSpan?) {
        self.head = head
        self.finish = finish
        self.tokens = tokens
        logprobBytes = logprobs
    }

    package var counter: UInt64 { head.counter }
    package var firstPosition: UInt32 { head.firstPosition }
    package var choice: UInt8 { head.choice }
    package var attempt: UInt8 { head.attempt }
    /// The cursor let no other value pass.
    package var leg: Leg { Leg(rawValue: head.rawLeg) ?? .aggregated }
    package var tokenCount: Int { head.tokenCount }

    @inline(__always)
    package func token(at index: Int) -> UInt32 {
        precondition(index >= 0 && index < head.tokenCount, "a token of this frame")
        return tokens.unsafeWord(index &* 4)
    }

    @inline(__always)
    package func appendTokens(to buffer: inout [UInt32]) {
        for index in 0..<head.tokenCount { buffer.append(tokens.unsafeWord(index &* 4)) }
    }

    /// A copy of the logprobs, one a token; none if the request did not ask for them.
    package func logprobs() -> [TokenLogprob]? {
        guard let logprobBytes else { return nil }
        var reader = WireReader(logprobBytes), list: [TokenLogprob] = []
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
    @inline(__always)
    func unsafeWord(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    func isFinite(_ offset: Int) -> Bool { Float(bitPattern: unsafeWord(offset)).isFinite }
}
