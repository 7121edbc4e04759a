import TextProcessing

/// How the answer to one request is read: in which forms its model thinks and calls, and what of it the engine is made to write.
struct AnswerForm: Sendable {
    let format: AnswerFormat
    let tools: ToolList
    /// The engine writes the arguments of this tool and nothing else.
    let forcedTool: String?
    let allowsParallelCalls: Bool
    /// The prompt has opened a thought.
    let startsInReasoning: Bool

    func parser() -> AnswerParser {
        if let forcedTool { return AnswerParser(format, forcing: forcedTool, startsInReasoning: startsInReasoning) }
        return AnswerParser(format, tools: tools, startsInReasoning: startsInReasoning)
    }
}
