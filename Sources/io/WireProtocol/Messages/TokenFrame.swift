/// Table: `proto-spec/04-messages.md#finishreason`.
public enum FinishReason: UInt8, WireEnum {
    /// The last token ends the text.
    case endOfText = 1
    /// The last token is one of the request's stop tokens.
    case stopToken
    /// The engine matched a stop sequence.
    case stopSequence
    /// The token limit, or the context, is reached.
    case length
    /// The engine withheld the rest.
    case contentFilter
}

/// Layout: `proto-spec/04-messages.md#toplogprob`.
package struct TopLogprob: WireRecord, Hashable {
    package var token: UInt32 = 0
    package var logprob: Float = 0

    package init() {}
    package init(token: UInt32, logprob: Float) {
        self.token = token
        self.logprob = logprob
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("token", &token)
        try coder.f32("logprob", &logprob)
    }
}

/// Layout: `proto-spec/04-messages.md#tokenlogprob`.
package struct TokenLogprob: WireRecord, Hashable {
    /// Of the token itself.
    package var chosen: Float = 0
    /// Best first; at most `Limits.topLogprobs`.
    package var top: [TopLogprob] = []

    package init() {}
    package init(chosen: Float, top: [TopLogprob]) {
        self.chosen = chosen
        self.top = top
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.f32("chosen", &chosen)
        var topCount = UInt8(clamping: top.count)
        try coder.u8("topCount", &topCount)
        try coder.array("top", &top, count: Int(topCount))
    }
}

/// New tokens of one choice of one request, as a value for tools and tests. Layout: `proto-spec/04-messages.md#tokenframe`.
///
/// Services read frames with `TokenBatchCursor` and write them with `TokenBatchWriter`.
package struct TokenFrame: WireRecord, Hashable {
    /// Bytes before what the flags govern: a whole frame of `n` tokens without extras has `headBytes + 4n`.
    package static let headBytes = TokenFrameView.headBytes

    enum Flags {
        static let finish: UInt8 = 1 << 0
        static let logprobs: UInt8 = 1 << 1
        static let addition: UInt8 = 1 << 2
        static let known = finish | logprobs | addition
    }

    package var counter: UInt64 = 0
    /// Of the first token, counted from the first token after the original prompt, over all attempts.
    package var firstPosition: UInt32 = 0
    package var choice: UInt8 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// The last token ends the choice.
    package var finish: FinishReason?
    /// At most `Limits.tokensPerFrame`.
    package var tokens: [UInt32] = []
    /// One for each token, or none.
    package var logprobs: [TokenLogprob]?
    /// For a later minor; kept unread.
    package var addition: [UInt8]?

    package init() {}

    /// What of the rest is there.
    package var flags: UInt8 {
        (finish == nil ? 0 : Flags.finish) | (logprobs == nil ? 0 : Flags.logprobs) | (addition == nil ? 0 : Flags.addition)
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u32("firstPosition", &firstPosition)
        try coder.u8("choice", &choice)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        var tokenCount = UInt8(clamping: tokens.count)
        try coder.u8("tokenCount", &tokenCount)
        var flags = self.flags
        try coder.bits("flags", &flags, known: Flags.known)
        finish = try Self.when(flags & Flags.finish, finish ?? .endOfText) { (value) throws(WireError) in
            try coder.choice("finish", &value)
        }
        try coder.u32Array("tokens", &tokens, count: Int(tokenCount))
        logprobs = try Self.when(flags & Flags.logprobs, logprobs ?? []) { (value) throws(WireError) in
            try coder.array("logprobs", &value, count: Int(tokenCount))
        }
        addition = try Self.when(flags & Flags.addition, addition ?? []) { (value) throws(WireError) in
            try coder.bytes("addition", &value, atMost: Limits.frameExtensionBytes)
        }
    }

    /// The value after `code` if the flag is set, else none.
    private static func when<T>(
        _ flag: UInt8, _ value: T, _ code: (inout T) throws(WireError) -> Void
    ) throws(WireError) -> T? {
        guard flag != 0 else { return nil }
        var value = value
        try code(&value)
        return value
    }
}

/// New tokens of all of a frontend's requests in one engine step. Layout: `proto-spec/04-messages.md#tokenbatch`.
package struct TokenBatch: WireMessage, Hashable {
    package static let kind = MessageKind.tokenBatch

    package var frames: [TokenFrame] = []

    package init() {}
    package init(frames: [TokenFrame]) { self.frames = frames }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("frames", &frames, atMost: Limits.framesPerBatch)
    }
}
