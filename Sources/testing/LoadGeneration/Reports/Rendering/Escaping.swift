extension String {
    /// For a terminal or a page: what would move a cursor or turn the direction of writing becomes a mark. Error codes come from servers.
    var printable: String {
        guard unicodeScalars.contains(where: \.isUnsafe) else { return self }
        var text = ""
        for scalar in unicodeScalars { text.unicodeScalars.append(scalar.isUnsafe ? "\u{FFFD}" : scalar) }
        return text
    }

    /// For the text and the attributes of HTML and SVG.
    var markup: String {
        var text = ""
        for scalar in printable.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// For a cell or a heading of Markdown, where signs begin emphasis, links, code and tags.
    var markdown: String {
        var text = ""
        for scalar in printable.unicodeScalars {
            if "\\`*_[]<>|#".unicodeScalars.contains(scalar) { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        return text
    }

    /// At most so many characters.
    func cut(to limit: Int) -> String { count > limit ? prefix(Swift.max(0, limit - 1)) + "…" : self }
}

extension Unicode.Scalar {
    /// Controls, and marks that change the direction of what follows.
    fileprivate var isUnsafe: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
