package import ClusterModel

/// All that a frontend knows of a model's text: how conversations become prompts, prompts tokens, and tokens text.
package struct ModelText: Sendable {
    package let tokenizer: any Tokenizer
    package let template: any ChatTemplate
    /// Tokens that end a text unless the client ignores them, ascending.
    package let endTokens: [TokenID]
    /// How it writes calls and thoughts, as far as its chat template shows it.
    package let toolFormat: ToolFormat?
    package let reasoningFormat: ReasoningFormat?

    package init(
        tokenizer: any Tokenizer, template: any ChatTemplate, endTokens: [TokenID], toolFormat: ToolFormat? = nil,
        reasoningFormat: ReasoningFormat? = nil
    ) {
        self.toolFormat = toolFormat
        self.reasoningFormat = reasoningFormat
        self.tokenizer = tokenizer
        self.template = template
        self.endTokens = endTokens.sorted()
    }

    /// Files that say how text becomes tokens: one of them is there.
    package static let tokenizerFiles = [ByteModelFile.name, TokenizerModel.tokenizer]
    /// All that are read here.
    package static let fileNames = [ByteModelFile.name] + TokenizerModel.fileNames

    /// Reads a model's files, by name without folders. Refuses what it does not know by name: a model half understood would answer nonsense.
    package static func make(files: [String: [UInt8]]) throws(TextError) -> ModelText {
        // Order: the first by name.
        if let unknown = files.keys.filter({ !fileNames.contains($0) }).min() { throw .unknownFile(FileText.printable(unknown)) }
        if let contents = files[ByteModelFile.name] { return try ByteModelFile(parsing: contents).text() }
        return try TokenizerModel(files).text
    }

    package var vocabulary: Vocabulary { tokenizer.vocabulary }

    /// Without one it only goes on with texts.
    package var hasTemplate: Bool { !(template is NoTemplate) }

    /// The prompt's text; nil for one that its client gave as tokens.
    package func prompt(_ prompt: GenerationRequest.Prompt, _ context: TemplateContext) throws(TextError) -> PromptText? {
        switch prompt {
        case .conversation(let conversation):
            do throws(TemplateError) { return try template.render(conversation, context) } catch { throw .template(error) }
        case .text(let text): return PromptText(raw: text)
        case .tokens: return nil
        }
    }

    /// Appends the tokens that the client gave, as they are.
    package func append(_ given: [TokenID], atMost limit: Int, into tokens: inout [TokenID]) throws(TextError) {
        guard given.count <= limit else { throw .promptTooLong(limit: limit) }
        if let index = given.firstIndex(where: { !vocabulary.contains($0) }) {
            throw .tokenOutOfRange(index: index, vocabularySize: vocabulary.count)
        }
        tokens.append(contentsOf: given)
    }

    /// Appends the prompt's tokens, at least one and at most `limit`.
    package func encode(
        _ prompt: GenerationRequest.Prompt, _ context: TemplateContext, atMost limit: Int, into tokens: inout [TokenID]
    ) throws(TextError) {
        let start = tokens.count
        if case .tokens(let given) = prompt {
            try append(given, atMost: limit, into: &tokens)
        } else if let text = try self.prompt(prompt, context) {
            try tokenizer.encode(text, atMost: limit, into: &tokens)
        }
        guard tokens.count > start else { throw .emptyPrompt }
    }

    /// Encodes a little, so that the tables of all code points that its tokenizer makes at first use are made here: whoever builds a model does so
    /// where that holds up nobody.
    package func warm() {
        var tokens: [TokenID] = []
        // The letter is none of ASCII, and has another form.
        try? tokenizer.encode(PromptText(raw: "a \u{E9}1"), atMost: 64, into: &tokens)
    }

    /// The whole text of some tokens, special ones left out unless wanted.
    package func decode(_ tokens: Span<TokenID>, showsSpecials: Bool = false, into text: inout [UInt8]) {
        var detokenizer = IncrementalDetokenizer(vocabulary, showsSpecials: showsSpecials)
        detokenizer.append(tokens, to: &text)
        detokenizer.finish(into: &text)
    }
}
