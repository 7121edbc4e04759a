/// `{"Regex": …}` or `{"String": …}`.
extension Pattern {
    init(_ node: FileNode) throws(TextError) {
        if let expression = node["Regex"] {
            self = try Pattern.expression(expression)
        } else {
            let text = try node.text("String")
            guard !text.isEmpty else { throw node.error("must not be empty") }
            self = .literal(LiteralScanner(literal: Array(text.utf8)))
        }
    }

    private static func expression(_ node: FileNode) throws(TextError) -> Pattern {
        let text = try node.text(atMost: TextLimits.patternBytes)
        if let known = known(text) { return known }
        var reason = ""
        guard let expression = RegularExpression(text, reason: &reason) else { throw node.error(reason) }
        return .expression(expression)
    }
}
