extension OptionTable {
    /// The answer to `--completion`.
    func completion(_ topic: CompletionTopic) -> String {
        switch topic {
        case .words: options.flatMap(\.completionWords).map(\.line).joined()
        case .bash, .zsh, .fish: CompletionScript(program: process.name).text(topic)
        }
    }
}

extension Option {
    fileprivate var completionWords: [CompletionWord] {
        if isFlag {
            let positive = CompletionWord(word: flag, value: .nothing, help: help)
            return sources == .commandLine ? [positive] : [positive, CompletionWord(word: "--no-\(name)", value: .nothing, help: help)]
        }
        return [CompletionWord(word: flag, value: completionValue, help: help)]
    }

    private var completionValue: CompletionWord.Value {
        if !words.isEmpty { return .oneOf(words) }
        return ["PATH", "FILE", "FOLDER"].contains(placeholder) ? .path : .text
    }
}
