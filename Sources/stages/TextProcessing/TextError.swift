/// Why a model's text files cannot be used, or a prompt cannot become tokens. Names files, fields and bounds, never a text of a client's.
package enum TextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// None of the files says how text becomes tokens.
    case noTokenizer
    /// A file that this version does not read; the model is refused rather than half understood.
    case unknownFile(String)
    /// `path` leads to the value at fault inside the file; empty: the file as a whole.
    case invalidFile(name: String, path: String, reason: String)

    case template(TemplateError)
    /// More tokens than may be.
    case promptTooLong(limit: Int)
    /// A stretch of text that cannot be split has more bytes than that.
    case wordTooLong(limit: Int)
    /// The model's pattern for splitting text needs too long on this one.
    case patternTooCostly
    /// Whoever asked is gone.
    case cancelled
    /// No token at all: nothing could be predicted.
    case emptyPrompt
    /// A prompt of tokens names one that the model has not.
    case tokenOutOfRange(index: Int, vocabularySize: Int)

    package var description: String {
        switch self {
        case .noTokenizer:
            "the model has no tokenizer file that can be read here: one of \(ModelText.tokenizerFiles.joined(separator: ", "))"
        case .unknownFile(let name): "the model's file \(name) cannot be read here"
        case .invalidFile(let name, "", let reason): "\(name): \(reason)"
        case .invalidFile(let name, let path, let reason): "\(name): \(path): \(reason)"
        case .template(let error): error.description
        case .promptTooLong(let limit): "the prompt has more than \(limit) tokens"
        case .wordTooLong(let limit): "the prompt has a word of more than \(limit) bytes"
        case .patternTooCostly: "the prompt cannot be split into words in bounded time"
        case .cancelled: "the request was cancelled"
        case .emptyPrompt: "the prompt has no tokens"
        case .tokenOutOfRange(let index, let size): "token \(index) of the prompt is not below the vocabulary size \(size)"
        }
    }
}
