import ClusterModel
import JSONText

extension PostProcessor {
    /// What stands under `post_processor`; no tokens where nothing stands there. Ids must be below `tokens`.
    init(_ node: FileNode?, tokens: Int) throws(TextError) {
        for step in try node?.steps("processors") ?? [] {
            switch try step.kind() {
            case "ByteLevel": break  // It changes offsets only.
            case "TemplateProcessing": try surround(step, tokens)
            case "RobertaProcessing", "BertProcessing":
                before.insert(try PostProcessor.pair(step.required("cls"), tokens), at: 0)
                behind.append(try PostProcessor.pair(step.required("sep"), tokens))
            case let other: throw step.unsupported(other)
            }
            guard before.count + behind.count <= TextLimits.surroundingTokens else {
                throw step.error("puts more than \(TextLimits.surroundingTokens) tokens around a text")
            }
        }
    }

    /// The form for one text: tokens, the text, tokens.
    private mutating func surround(_ node: FileNode, _ tokens: Int) throws(TextError) {
        let specials = try node.required("special_tokens")
        var before: [TokenID] = []
        var behind: [TokenID] = []
        var texts = 0
        for part in try node.required("single").elements(atMost: TextLimits.surroundingTokens) {
            if part["Sequence"] != nil {
                texts += 1
            } else {
                let name = try part.required("SpecialToken").text("id")
                guard let special = specials[name] else { throw part.error("names a special token that is not there") }
                for id in try special.required("ids").elements(atMost: TextLimits.surroundingTokens) {
                    let token = try PostProcessor.token(id, tokens)
                    if texts == 0 { before.append(token) } else { behind.append(token) }
                }
            }
        }
        guard texts == 1 else { throw node.error(at: ".single", "must name the text once") }
        self.before = before + self.before
        self.behind += behind
    }

    /// `["<s>", 0]`
    private static func pair(_ node: FileNode, _ tokens: Int) throws(TextError) -> TokenID {
        let parts = try node.elements(atMost: 2)
        guard parts.count == 2 else { throw node.error("must be a text and its token") }
        return try token(parts[1], tokens)
    }

    private static func token(_ node: FileNode, _ tokens: Int) throws(TextError) -> TokenID {
        guard let id = node.value.asInt, id >= 0, id < tokens else { throw node.error("must be a token of the vocabulary") }
        return TokenID(id)
    }
}
