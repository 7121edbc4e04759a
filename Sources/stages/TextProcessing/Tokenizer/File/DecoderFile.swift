extension TokenSpelling {
    /// What stands under `decoder`.
    init(_ node: FileNode) throws(TextError) {
        var isFused = false
        for step in try node.steps("decoders") {
            switch try step.kind() {
            case "ByteLevel":
                try refuseBehindBytes(step)
                steps.append(.byteLevel)
            case "Replace":
                let pattern = try step.required("pattern")
                let old = Array(try pattern.text("String").utf8)
                guard !old.isEmpty else { throw pattern.error("must not be empty") }
                // Across tokens only a text of one character is found in each of them.
                guard !isFused || old.count == UTF8Scalar.length(old[0]) else {
                    throw step.error("must not replace more than one character behind Fuse")
                }
                steps.append(.replace(old, Array(try step.text("content", atMost: TextLimits.replacementBytes).utf8)))
            case "ByteFallback":
                try refuseBehindBytes(step)
                steps.append(.byteFallback)
            case "Fuse": isFused = true
            case "Strip": try strip(step, isFused)
            case "Metaspace":
                let metaspace = try PreTokenizer.Metaspace(step)
                steps.append(.replace(metaspace.replacement, [0x20]))
                if metaspace.prepending != .never { beginning = .losesFirstTokensBlanks }
            case let other: throw step.unsupported(other)
            }
        }
    }

    /// Bytes need not be text any more, and these steps read text.
    private func refuseBehindBytes(_ node: FileNode) throws(TextError) {
        for step in steps {
            switch step {
            case .byteLevel, .byteFallback: throw node.error("must not stand behind another step that makes bytes")
            case .replace, .strip: continue
            }
        }
    }

    private mutating func strip(_ node: FileNode, _ isFused: Bool) throws(TextError) {
        let content = Array(try node.text("content").utf8)
        guard let first = content.first, content.count == UTF8Scalar.length(first) else {
            throw node.error(at: ".content", "must be one character")
        }
        let start = try node.number("start", in: 0...TextLimits.tokenBytes)
        let stop = try node.number("stop", in: 0...TextLimits.tokenBytes)
        guard isFused else { return steps.append(.strip(content, start: start, stop: stop)) }
        // The end of a text is known only when it has been shown.
        guard stop == 0, content == [0x20] else { throw node.error("must strip blanks at the beginning only, behind Fuse") }
        if start > 0 { beginning = .losesBlanks(start) }
    }
}
