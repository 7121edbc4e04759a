import TextProcessing

/// What a model's answers may hold, by what is asked of it: made once a model.
struct AnswerFormats: Sendable {
    let calling: AnswerFormat
    let thinking: AnswerFormat
    /// The engine is made to write a list of calls.
    let forced: AnswerFormat

    init(tools: ToolFormat?, reasoning: ReasoningFormat?, vocabulary: Vocabulary) {
        calling = AnswerFormat(tools: tools, reasoning: reasoning, vocabulary: vocabulary)
        // What a model of this kind says is in channels whatever is asked of it, unless its engine is bound to another form: that opens none.
        let isInChannels = reasoning == .harmony
        thinking = isInChannels ? calling : AnswerFormat(tools: nil, reasoning: reasoning, vocabulary: vocabulary)
        forced = AnswerFormat(tools: .forcedList, reasoning: isInChannels ? nil : reasoning, vocabulary: vocabulary)
    }
}
