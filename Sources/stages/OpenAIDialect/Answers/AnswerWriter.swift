package import ClusterModel

/// Writes the answer to one request in the words of one API: the events of a stream, or one body, or an error in place of either.
///
/// Made once per request; appends to a buffer of the caller's. A stream is `appendBeginning`; for each choice one `appendOpening`, what it says,
/// thinks and calls as it comes, and exactly one `appendFinish`; then `appendEnd`, or `appendFailure` in place of all that is missing. Each call
/// appends whole events (`EventFrame`), none where the API has none for it.
package protocol AnswerWriter: Sendable {
    var delivery: Delivery { get }

    /// Of failures before anything was written.
    var errorStyle: ErrorStyle { get }

    /// True: of an answer in one body, its pieces are told as those of a stream are, without events, and `appendBody` writes what came of them.
    var gathersBody: Bool { get }

    /// True: a stream tells again at its end what it said before, so that it may grow by much at once.
    var repeatsItself: Bool { get }

    /// The `nvext` object of every chunk, as JSON; empty: none.
    var chunkExtension: [UInt8] { get set }

    mutating func appendBeginning(usage: TokenUsage, to events: inout [UInt8])
    mutating func appendOpening(choice: Int, usage: TokenUsage, to events: inout [UInt8])

    /// `text` is valid UTF-8; it may be empty where there are log probabilities only.
    mutating func appendText(choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to events: inout [UInt8])
    mutating func appendReasoning(choice: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8])

    /// A call begins; the last one of its choice has ended before.
    mutating func appendCall(choice: Int, _ call: AnswerCall, usage: TokenUsage, to events: inout [UInt8])
    /// More of the open call's arguments, which together are JSON if the model wrote JSON.
    mutating func appendArguments(choice: Int, call: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8])
    mutating func appendCallEnd(choice: Int, call: Int, usage: TokenUsage, to events: inout [UInt8])

    /// `extensionJSON`, if not nil, takes the place of `chunkExtension` in this chunk.
    mutating func appendFinish(
        choice: Int, _ finish: AnswerFinish, usage: TokenUsage, extensionJSON: [UInt8]?, to events: inout [UInt8])

    /// Every choice has finished, so many seconds after 1970 began.
    mutating func appendEnd(usage: TokenUsage, at seconds: Int64, to events: inout [UInt8])

    /// Something went wrong after the stream had begun.
    mutating func appendFailure(_ failure: ErrorBody, to events: inout [UInt8])

    /// The whole answer at once. Choices are written in their order, unless they were gathered; `extensionJSON` empty: none.
    func appendBody(
        _ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], at seconds: Int64, to bytes: inout [UInt8]
    )
}

extension AnswerWriter {
    package var errorStyle: ErrorStyle { .openAI }
    package var gathersBody: Bool { false }
    package var repeatsItself: Bool { false }

    // APIs without a form for these are never asked for them with anything to lose.
    package mutating func appendBeginning(usage: TokenUsage, to events: inout [UInt8]) {}
    package mutating func appendReasoning(choice: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {}
    package mutating func appendCall(choice: Int, _ call: AnswerCall, usage: TokenUsage, to events: inout [UInt8]) {}
    package mutating func appendArguments(choice: Int, call: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {}
    package mutating func appendCallEnd(choice: Int, call: Int, usage: TokenUsage, to events: inout [UInt8]) {}
}

/// A call that a model makes, as far as it is known when it begins.
package struct AnswerCall: Hashable, Sendable {
    /// Among the calls of its choice, from 0.
    package var index: Int
    package var id: String
    package var name: String
    /// Whoever read the arguments has followed them as JSON: as far as they come they are the beginning of a value, but for control characters
    /// in its strings. False: they are what the model wrote, whatever that is.
    package var hasFollowedArguments: Bool

    package init(index: Int, id: String, name: String, hasFollowedArguments: Bool = true) {
        self.index = index
        self.id = id
        self.name = name
        self.hasFollowedArguments = hasFollowedArguments
    }
}

/// How a choice ended.
package struct AnswerFinish: Hashable, Sendable {
    package var kind: FinishKind
    /// The client's stop text that ended it.
    package var stopText: String?

    package init(_ kind: FinishKind, stopText: String? = nil) {
        self.kind = kind
        self.stopText = stopText
    }
}

/// One choice of an answer that is not streamed.
package struct CompletedChoice: Sendable {
    /// A piece of what it consists of; ranges are of `text` and `reasoning`, the number is the place in `calls`.
    package enum Part: Hashable, Sendable {
        case text(Range<Int>), reasoning(Range<Int>), call(Int)
    }

    package struct Call: Sendable {
        package var call: AnswerCall
        /// Valid UTF-8.
        package var arguments: [UInt8] = []

        package init(_ call: AnswerCall) { self.call = call }
    }

    package var index: Int
    /// Valid UTF-8.
    package var text: [UInt8]
    /// Valid UTF-8; empty: none.
    package var reasoning: [UInt8] = []
    package var calls: [Call] = []
    package var finish: AnswerFinish
    package var logprobs: LogprobsBuffer?
    /// What was appended, in the order in which it came, neighbours of one kind as one.
    package private(set) var parts: [Part] = []

    package init(index: Int, text: [UInt8], finish: AnswerFinish, logprobs: LogprobsBuffer? = nil) {
        self.index = index
        self.text = text
        self.finish = finish
        self.logprobs = logprobs
    }

    package mutating func append(text piece: RawSpan) {
        guard !piece.isEmpty else { return }
        let start = text.count
        piece.withUnsafeBytes { text.append(contentsOf: $0) }
        if case .text(let last)? = parts.last {
            parts[parts.count - 1] = .text(last.lowerBound..<text.count)
        } else {
            parts.append(.text(start..<text.count))
        }
    }

    package mutating func append(reasoning piece: RawSpan) {
        guard !piece.isEmpty else { return }
        let start = reasoning.count
        piece.withUnsafeBytes { reasoning.append(contentsOf: $0) }
        if case .reasoning(let last)? = parts.last {
            parts[parts.count - 1] = .reasoning(last.lowerBound..<reasoning.count)
        } else {
            parts.append(.reasoning(start..<reasoning.count))
        }
    }

    package mutating func append(_ call: AnswerCall) {
        parts.append(.call(calls.count))
        calls.append(Call(call))
    }
}
