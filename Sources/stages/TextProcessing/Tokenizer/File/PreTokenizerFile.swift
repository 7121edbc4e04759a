extension PreTokenizer {
    /// What stands under `pre_tokenizer`; text stays whole where nothing stands there.
    init(_ node: FileNode?) throws(TextError) {
        var steps: [Step] = []
        for step in try node?.steps("pretokenizers") ?? [] {
            let read = try Step(step)
            if case .metaspace = read, steps.contains(where: \.isByteLevel) { throw step.error("must not stand behind ByteLevel") }
            if read.isByteLevel, steps.contains(where: \.isByteLevel) { throw step.error("is there twice") }
            steps.append(read)
        }
        self.init(steps: steps)
    }
}

extension PreTokenizer.Step {
    fileprivate var isByteLevel: Bool { if case .byteLevel = self { true } else { false } }

    fileprivate init(_ node: FileNode) throws(TextError) {
        switch try node.kind() {
        case "Split":
            self = .split(
                try Pattern(node.required("pattern")), try PreTokenizer.Behavior(node.required("behavior")),
                inverted: try node.flag("invert", else: false))
        case "ByteLevel":
            self = .byteLevel(
                addsPrefixSpace: try node.flag("add_prefix_space", else: true), splits: try node.flag("use_regex", else: true))
        case "Digits":
            let isEach = try node.flag("individual_digits", else: false)
            self = .split(.property(PropertyScanner(UnicodeProperties.numeric)), isEach ? .isolated : .contiguous, inverted: false)
        case "Punctuation":
            let behavior: PreTokenizer.Behavior = if let node = node["behavior"] { try PreTokenizer.Behavior(node) } else { .isolated }
            self = .split(.property(PropertyScanner(UnicodeProperties.punctuation)), behavior, inverted: false)
        case "WhitespaceSplit":
            self = .split(.property(PropertyScanner(UnicodeProperties.whiteSpace)), .removed, inverted: false)
        case "Metaspace": self = .metaspace(try PreTokenizer.Metaspace(node))
        case let other: throw node.unsupported(other)
        }
    }
}

extension PreTokenizer.Behavior {
    fileprivate init(_ node: FileNode) throws(TextError) {
        guard let behavior = PreTokenizer.Behavior(rawValue: try node.text(atMost: TextLimits.patternBytes)) else {
            throw node.error("must be Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous")
        }
        self = behavior
    }
}

extension PreTokenizer.Metaspace {
    init(_ node: FileNode) throws(TextError) {
        let replacement = try node.text("replacement")
        guard replacement.unicodeScalars.count == 1 else { throw node.error(at: ".replacement", "must be one character") }
        // Older files say `add_prefix_space` instead.
        var prepending = try node.flag("add_prefix_space", else: true) ? Prepending.always : .never
        if let scheme = node["prepend_scheme"] {
            guard let known = Prepending(rawValue: try scheme.text(atMost: TextLimits.patternBytes)) else {
                throw scheme.error("must be always, first or never")
            }
            prepending = known
        }
        self.init(replacement: Array(replacement.utf8), prepending: prepending, splits: try node.flag("split", else: true))
    }
}
