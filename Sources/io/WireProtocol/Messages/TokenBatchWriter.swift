/// Writes the frames of one TokenBatch into bytes that are reused from step to step. Layout: `proto-spec/04-messages.md#tokenbatch`.
///
/// One for each frontend that a worker serves: `begin`, `append` for each choice that moved, `finish`, send `bytes`.
package struct TokenBatchWriter {
    /// The largest frame there is: `isFull` keeps room for it.
    private static let largestFrameBytes =
        TokenFrame.headBytes + 1 + Limits.tokensPerFrame * (4 + 5 + Limits.topLogprobs * 8) + 4 + Limits.frameExtensionBytes

    /// The message so far; whole after `finish`.
    package private(set) var bytes: [UInt8] = []
    package private(set) var frameCount = 0
    private var start = 0

    package init() {}

    package var isEmpty: Bool { frameCount == 0 }

    /// The batch must be finished and sent before another frame is appended.
    package var isFull: Bool {
        frameCount == Limits.framesPerBatch
            || bytes.count > MessageHeader.byteCount + Limits.messageBytes - Self.largestFrameBytes
    }

    /// Starts a message for the frontend `origin`; what was there before is dropped, its memory kept.
    package mutating func begin(origin: UInt64, number: UInt64) {
        bytes.removeAll(keepingCapacity: true)
        frameCount = 0
        start = Codec.beginMessage(MessageHeader(kind: .tokenBatch, origin: origin, number: number), in: &bytes)
        bytes.appendLittleEndian(UInt32(0))
    }

    /// A frame of one token without logprobs: what a step gives most choices.
    @inline(__always)
    package mutating func append(
        counter: UInt64, attempt: UInt8, choice: UInt8 = 0, leg: Leg = .aggregated, position: UInt32, token: UInt32,
        finish: FinishReason? = nil
    ) {
        appendHead(
            TokenFrameHead(counter: counter, firstPosition: position, choice: choice, attempt: attempt, leg: leg, tokenCount: 1),
            flags: 0, finish)
        bytes.appendLittleEndian(token)
    }

    /// A frame of up to `Limits.tokensPerFrame` tokens; `logprobs` is nil or has one element a token.
    package mutating func append(
        counter: UInt64, attempt: UInt8, choice: UInt8 = 0, leg: Leg = .aggregated, firstPosition: UInt32, tokens: [UInt32],
        finish: FinishReason? = nil, logprobs: [TokenLogprob]? = nil
    ) {
        precondition(tokens.count <= Limits.tokensPerFrame, "a longer run is several frames")
        let head = TokenFrameHead(
            counter: counter, firstPosition: firstPosition, choice: choice, attempt: attempt, leg: leg, tokenCount: UInt8(tokens.count))
        appendHead(head, flags: logprobs == nil ? 0 : TokenFrame.Flags.logprobs, finish)
        // Little-endian machines only, as in `WireWriter`.
        tokens.withUnsafeBytes { bytes.append(contentsOf: $0) }
        guard let logprobs else { return }
        precondition(logprobs.count == tokens.count, "one logprob a token")
        for logprob in logprobs { append(logprob) }
    }

    /// Completes the message; it may be sent from `bytes`.
    package mutating func finish() {
        bytes.storeLittleEndian(UInt32(frameCount), at: start + MessageHeader.byteCount)
        Codec.patchBodyLength(of: start, in: &bytes)
    }

    @inline(__always)
    private mutating func appendHead(_ head: TokenFrameHead, flags: UInt8, _ finish: FinishReason?) {
        precondition(frameCount < Limits.framesPerBatch, "a full batch is finished before the next frame")
        frameCount &+= 1
        Swift.withUnsafeBytes(of: (head.counter.littleEndian, head.packed.littleEndian)) { bytes.append(contentsOf: $0) }
        if let finish {
            bytes.append(flags | TokenFrame.Flags.finish)
            bytes.append(finish.rawValue)
        } else {
            bytes.append(flags)
        }
    }

    private mutating func append(_ logprob: TokenLogprob) {
        precondition(logprob.top.count <= Limits.topLogprobs, "no more top logprobs than a request may ask for")
        bytes.appendLittleEndian(logprob.chosen.bitPattern)
        bytes.append(UInt8(logprob.top.count))
        for candidate in logprob.top {
            bytes.appendLittleEndian(candidate.token)
            bytes.appendLittleEndian(candidate.logprob.bitPattern)
        }
    }
}
