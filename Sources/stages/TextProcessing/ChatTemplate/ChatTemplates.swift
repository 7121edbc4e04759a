package import ClusterModel

/// The chat templates of one model: a nameless one, or several of which the request decides.
package struct ChatTemplates: ChatTemplate {
    package typealias Source = (name: String, source: [UInt8])

    /// The name of the one that is used where nothing asks for another.
    package static let defaultName = "default"
    /// Requests with tools take this one where a model has it.
    static let toolsName = "tool_use"

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

    package func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText {
        let hasTools = !conversation.tools.isEmpty && conversation.toolChoice != .none
        return try (hasTools ? withTools ?? standard : standard).render(conversation, context)
    }
}
