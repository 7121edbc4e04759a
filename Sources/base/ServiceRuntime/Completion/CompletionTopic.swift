/// What `--completion` is asked for: a shell's script, or what these scripts ask back.
enum CompletionTopic: String, CaseIterable, Sendable {
    case bash
    case zsh
    case fish
    /// A line each option or command: the word, what may follow it, and what it is for, with tabs between.
    case words
}

/// One word of a command line, as a shell offers it.
struct CompletionWord {
    /// What may follow.
    enum Value {
        case nothing
        case path
        case oneOf([String])
        case text
    }

    let word: String
    let value: Value
    let help: String

    var line: String {
        let kind =
            switch value {
            case .nothing: "flag"
            case .path: "path"
            case .oneOf(let words): "word:\(words.joined(separator: ","))"
            case .text: "value"
            }
        return "\(word)\t\(kind)\t\(help)\n"
    }
}
