import ClusterModel
import TextProcessing

/// The text of a prompt for a server that takes no tokens.
struct PromptSpelling {
    let text: String
    /// The server comes to the same tokens, if it reads text as this model's own library does.
    let isExact: Bool

    init(_ prompt: [TokenID], _ model: ModelText) {
        let whole = Self.text(of: prompt, model)
        self.init(whole: whole, prompt, model)
    }

    private init(whole: String, _ prompt: [TokenID], _ model: ModelText) {
        if Self.tokens(of: whole, model) == prompt {
            text = whole
            isExact = true
            return
        }
        // The server puts the token before a text that begins every text: it must not stand there twice.
        if let first = prompt.first, model.vocabulary.isSpecial(first) {
            let rest = Self.text(of: Array(prompt.dropFirst()), model)
            if Self.tokens(of: rest, model) == prompt {
                text = rest
                isExact = true
                return
            }
        }
        text = whole
        isExact = false
    }

    private static func text(of tokens: [TokenID], _ model: ModelText) -> String {
        var bytes: [UInt8] = []
        model.decode(tokens.span, showsSpecials: true, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As the server reads it: special tokens recognised, and its own put around it.
    private static func tokens(of text: String, _ model: ModelText) -> [TokenID]? {
        var tokens: [TokenID] = []
        do throws(TextError) { try model.tokenizer.encode(PromptText(raw: text), atMost: AnswerLimits.tokens, into: &tokens) } catch {
            return nil
        }
        return tokens
    }
}
