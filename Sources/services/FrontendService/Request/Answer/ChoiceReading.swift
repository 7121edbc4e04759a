import OpenAIDialect
import TextProcessing

/// What one choice says, thinks and calls, told apart while its text comes.
struct ChoiceReading {
    private var parser: AnswerParser
    private let callFormat: ToolFormat?
    private let followsArguments: Bool
    /// Further calls are left out where the client wants one at a time: no engine can be made to stop behind the first.
    private let mostCalls: Int
    /// Where in `CompletedChoice` and in the stream the open call stands; nil while none is open that is told.
    private(set) var calls = 0

    init(_ form: AnswerForm) {
        parser = form.parser()
        callFormat = form.format.tools
        followsArguments = form.format.followsArguments || form.forcedTool != nil
        mostCalls = form.allowsParallelCalls ? .max : 1
    }

    /// What comes now is thought.
    var isThinking: Bool { parser.isThinking }

    /// The model has called: it waits for results.
    var hasCalled: Bool { calls > 0 }

    /// `marks` are the parts of the text that are special tokens. With `isLast` nothing is kept back.
    mutating func append(_ text: [UInt8], marks: [Range<Int>], isLast: Bool, into events: inout AnswerEvents) {
        parser.append(text.span, specials: marks, into: &events)
        if isLast { parser.finish(into: &events) }
    }

    /// The call that begins with this event; nil where it is not to be told.
    mutating func call(
        _ index: Int, named name: String, id: String?, using random: inout some RandomNumberGenerator
    ) -> AnswerCall? {
        guard index < mostCalls else { return nil }
        calls = index + 1
        return AnswerCall(
            index: index, id: id ?? CallIdentifier.make(for: callFormat, using: &random), name: name,
            hasFollowedArguments: followsArguments)
    }

    func tells(_ index: Int) -> Bool { index < mostCalls }
}
