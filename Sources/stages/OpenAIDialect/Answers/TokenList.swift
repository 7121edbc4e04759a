package import ClusterModel
import JSONText

/// The answer to `POST /tokenize`.
package struct TokenList: Sendable {
    package var tokens: [TokenID]
    /// Prompt and output together, in tokens.
    package var contextLength: Int
    /// Of each token; what is no text by itself is repaired. Nil: not asked for.
    package var texts: [String]?

    package init(_ tokens: [TokenID], contextLength: Int, texts: [String]? = nil) {
        self.tokens = tokens
        self.contextLength = contextLength
        self.texts = texts
    }

    /// Appends `{"count":…,"max_model_len":…,"tokens":[…],"token_strs":…}`.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(static: #"{"count":"#)
        JSONWriter.appendDigits(UInt64(tokens.count), to: &bytes)
        bytes.append(static: #","max_model_len":"#)
        JSONWriter.appendDigits(UInt64(max(0, contextLength)), to: &bytes)
        bytes.append(static: #","tokens":"#)
        Self.append(tokens, to: &bytes)
        bytes.append(static: #","token_strs":"#)
        if let texts {
            for (place, text) in texts.enumerated() {
                bytes.append(UInt8(ascii: place == 0 ? "[" : ","))
                JSONWriter.appendQuoted(text, to: &bytes)
            }
            bytes.append(static: texts.isEmpty ? "[]}" : "]}")
        } else {
            bytes.append(static: "null}")
        }
    }

    /// Appends the tokens as an array.
    package static func append(_ tokens: [TokenID], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for (place, token) in tokens.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.appendDigits(UInt64(token), to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Appends the answer to `POST /detokenize`: `{"prompt":…}`. `text` is valid UTF-8.
    package static func append(prompt text: RawSpan, to bytes: inout [UInt8]) {
        bytes.append(static: #"{"prompt":""#)
        JSONWriter.appendEscaped(utf8: text, to: &bytes)
        bytes.append(static: #""}"#)
    }
}
