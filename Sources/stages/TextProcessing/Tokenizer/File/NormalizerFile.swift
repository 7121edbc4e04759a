extension Normalizer {
    /// What stands under `normalizer`; nothing is done where nothing stands there.
    init(_ node: FileNode?) throws(TextError) {
        var steps: [Step] = []
        for step in try node?.steps("normalizers") ?? [] { steps.append(try Step(step)) }
        self.steps = steps
    }
}

extension Normalizer.Step {
    fileprivate init(_ node: FileNode) throws(TextError) {
        switch try node.kind() {
        case "NFC": self = .nfc
        case "NFD": self = .nfd
        case "Prepend": self = .prepend(Array(try node.text("prepend", atMost: TextLimits.replacementBytes).utf8))
        case "Replace":
            let replacement = try node.text("content", atMost: TextLimits.replacementBytes)
            self = .replace(try Pattern(node.required("pattern")), Array(replacement.utf8))
        case "Strip": self = .strip(left: try node.flag("strip_left", else: true), right: try node.flag("strip_right", else: true))
        case let other: throw node.unsupported(other)
        }
    }
}
