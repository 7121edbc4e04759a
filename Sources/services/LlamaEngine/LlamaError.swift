/// Why llama.cpp cannot run a model as it was asked to, and what to do about it.
package enum LlamaError: Error, Hashable, Sendable, CustomStringConvertible {
    case weights(String)
    /// Its memory is not one row of keys and values a token and layer.
    case architecture(String)
    case context(String)
    case sequences(asked: UInt32, most: UInt32)
    case setting(String, String)

    package var description: String {
        switch self {
        case .weights(let path): "llama.cpp cannot load \(path): give a whole GGUF file of an architecture that it knows"
        case .architecture(let what): "the model has \(what), which this engine does not serve: give a plain decoder with full attention"
        case .context(let what): "llama.cpp makes no context: \(what)"
        case .sequences(let asked, let most): "\(asked) sequences at once: llama.cpp takes at most \(most); lower max-sequences"
        case .setting(let name, let problem): "\(name): \(problem)"
        }
    }
}
