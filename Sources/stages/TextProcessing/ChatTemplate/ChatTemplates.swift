package import ClusterModel
package import JSONText

/// The chat templates of one model: a nameless one, or several of which the request decides.
package struct ChatTemplates: ChatTemplate {
    package typealias Source = (name: String, source: [UInt8])

    /// The name of the one that is used where nothing asks for another.
    package static let defaultName = "default"
    /// Requests with tools take this one where a model has it.
    private static let toolsName = "tool_use"

    private let standard: JinjaTemplate
    private let withTools: JinjaTemplate?

    /// Throws what is wrong with the first template that cannot be used.
    package init(_ sources: [Source], specials: [(name: String, text: String)]) throws(TemplateError) {
        guard sources.count <= TextLimits.templates else {
            throw .invalid(line: 1, reason: "a model of more than \(TextLimits.templates) templates")
        }
        func template(_ name: String) throws(TemplateError) -> JinjaTemplate? {
            guard let source = sources.last(where: { $0.name == name })?.source else { return nil }
            return try JinjaTemplate(source: source, specials: specials)
        }
        guard let standard = try template(Self.defaultName) else {
            throw .invalid(line: 1, reason: "none of the model's templates has the name '\(Self.defaultName)'")
        }
        self.standard = standard
        withTools = try template(Self.toolsName)
    }

    /// What a model's files say, the stronger ones last: `tokenizer_config.json` has a text or a list of `{"name", "template"}`,
    /// `chat_template.json` a text, and `chat_template.jinja` is one. Members of another form are an error that names them.
    package static func sources(
        tokenizerConfig: JSONValue?, templateJSON: JSONValue? = nil, templateFile: [UInt8]? = nil
    ) throws(TextError) -> [Source] {
        var sources = try sources(in: tokenizerConfig, of: "tokenizer_config.json") + sources(in: templateJSON, of: "chat_template.json")
        if let templateFile { sources.append((defaultName, templateFile)) }
        return sources
    }

    private static func sources(in file: JSONValue?, of name: String) throws(TextError) -> [Source] {
        let member = "chat_template"
        switch file?.asObject?[member] {
        case nil, .null?: return []
        case .string(let text)?: return [(defaultName, Array(text.utf8))]
        case .array(let elements)?:
            var sources: [Source] = []
            for (index, element) in elements.enumerated() {
                guard let template = element.asObject?["template"]?.asString, let given = element.asObject?["name"]?.asString else {
                    throw .invalidFile(name: name, path: "\(member)[\(index)]", reason: "must have the texts 'name' and 'template'")
                }
                sources.append((given, Array(template.utf8)))
            }
            return sources
        default: throw .invalidFile(name: name, path: member, reason: "must be a string or a list of named templates")
        }
    }

    package func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText {
        let hasTools = !conversation.tools.isEmpty && conversation.toolChoice != .none
        return try (hasTools ? withTools ?? standard : standard).render(conversation, context)
    }
}
