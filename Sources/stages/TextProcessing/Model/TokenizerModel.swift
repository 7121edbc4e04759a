import ClusterModel

/// A model whose text is described by the files of Hugging Face's libraries.
struct TokenizerModel {
    static let tokenizer = "tokenizer.json"
    /// Without the first one there is no such model.
    static let fileNames = [
        tokenizer, TokenizerConfigFile.name, TokenizerConfigFile.specialsName, TemplateFiles.source, TemplateFiles.json,
        GenerationConfigFile.name,
    ]

    let text: ModelText

    init(_ files: [String: [UInt8]]) throws(TextError) {
        guard let contents = files[Self.tokenizer] else { throw .noTokenizer }
        let tokenizer = try BPETokenizer(parsing: contents)
        var config = TokenizerConfigFile()
        if let contents = files[TokenizerConfigFile.name] {
            config = try TokenizerConfigFile(parsing: contents)
        } else if let contents = files[TokenizerConfigFile.specialsName] {
            config = try TokenizerConfigFile(parsing: contents, named: TokenizerConfigFile.specialsName)
        }
        var endTokens: [TokenID] = []
        if let contents = files[GenerationConfigFile.name] {
            endTokens = try GenerationConfigFile(parsing: contents).endTokens.filter(tokenizer.vocabulary.contains)
        }
        if let text = config.special("eos_token") {
            let vocabulary = tokenizer.vocabulary
            if let end = vocabulary.special(text) ?? vocabulary.token(spelling: text), !endTokens.contains(end) { endTokens.append(end) }
        }
        let sources = try Self.sources(files, config)
        // The one for tools, where there is one, is the one that teaches how they are called.
        let source = sources.last { $0.name == ChatTemplates.toolsName } ?? sources.last { $0.name == TemplateFiles.defaultName }
        let shown = source.map { String(decoding: $0.source, as: UTF8.self) } ?? ""
        text = ModelText(
            tokenizer: tokenizer, template: try Self.template(sources, config), endTokens: endTokens,
            toolFormat: ToolFormat.detected(inTemplate: shown), reasoningFormat: ReasoningFormat.detected(inTemplate: shown))
    }

    /// A file that holds nothing else comes before the configuration that a library wrote beside it.
    private static func sources(
        _ files: [String: [UInt8]], _ config: TokenizerConfigFile
    ) throws(TextError) -> [(name: String, source: [UInt8])] {
        var sources = config.templates
        if let contents = files[TemplateFiles.json] { sources = merge(try TemplateFiles.parse(json: contents), over: sources) }
        if let contents = files[TemplateFiles.source] { sources = merge([(TemplateFiles.defaultName, contents)], over: sources) }
        return sources
    }

    private static func template(
        _ sources: [(name: String, source: [UInt8])], _ config: TokenizerConfigFile
    ) throws(TextError) -> any ChatTemplate {
        guard !sources.isEmpty else { return NoTemplate() }
        do throws(TemplateError) { return try ChatTemplates(sources, specials: config.specials) } catch {
            throw .invalidFile(name: TemplateFiles.member, path: "", reason: "\(error)")
        }
    }

    private static func merge(
        _ templates: [(name: String, source: [UInt8])], over others: [(name: String, source: [UInt8])]
    ) -> [(name: String, source: [UInt8])] {
        templates + others.filter { other in !templates.contains { $0.name.hasSameBytes(as: other.name) } }
    }
}

/// Of a model that only completes text.
struct NoTemplate: ChatTemplate {
    func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText {
        throw .unsupported(param: "messages", reason: "the model has no chat template; ask /v1/completions for it to go on with a text")
    }
}
