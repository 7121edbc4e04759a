/// How a client wants its answer; what the model does with it is not touched.
package struct Delivery: Hashable, Sendable {
    package var isStreamed = false
    package var usage = UsageReporting.none
    /// The prompt stands before each answer (text completions only).
    package var echoesPrompt = false
    /// Members of the answer that repeat the request, as JSON and without braces, where its API has such.
    package var repeated: [UInt8] = []
    package var fieldNames = FieldNames.chat
    /// What the model thinks is not shown.
    package var hidesReasoning = false

    package init() {}

    /// Tokens that stand in the place of the API's own prompt have a name of their own.
    mutating func names(_ names: FieldNames, _ extensions: ExtensionFields) {
        fieldNames = names
        if extensions.promptTokens != nil { fieldNames.prompt = "nvext.token_data" }
    }
}

/// What an API calls the fields that a model may refuse.
package struct FieldNames: Hashable, Sendable {
    /// Where the prompt came from.
    package var prompt: String
    /// The form of the output.
    package let format: String
    package let logprobs: String

    package static let chat = FieldNames(prompt: "messages", format: "response_format", logprobs: "logprobs")
    package static let completions = FieldNames(prompt: "prompt", format: "response_format", logprobs: "logprobs")
    package static let messages = FieldNames(prompt: "messages", format: "output_config.format", logprobs: "logprobs")
    package static let responses = FieldNames(prompt: "input", format: "text.format", logprobs: "include")
}

/// Where a stream tells usage. Replies of one body always do.
package enum UsageReporting: Hashable, Sendable {
    case none
    /// In a chunk of its own at the end.
    case atEnd
    /// In each chunk, and at the end.
    case continuous
}
