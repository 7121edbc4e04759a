import CLlama

/// llama.cpp as a whole: what is done once in a process, before any model is loaded.
package enum LlamaLibrary {
    /// Gets llama.cpp ready. Of what it says of itself, errors alone are given to `log`, piece by piece as it writes them, on any thread: it warns of
    /// contexts that are larger than one sequence of the model, and here they always are.
    package static func start(log: @escaping @Sendable (String) -> Void) {
        let receiver = Unmanaged.passRetained(LogReceiver(log))  // for the life of the process
        llama_log_set(
            { level, text, receiver in
                guard level == GGML_LOG_LEVEL_ERROR, let text, let receiver else { return }
                Unmanaged<LogReceiver>.fromOpaque(receiver).takeUnretainedValue().log(String(cString: text))
            }, receiver.toOpaque())
        llama_backend_init()
    }

    /// Of the library that is linked: of another version, state may mean something else.
    package static var build: String { "llama.cpp ggml \(String(cString: ggml_version()))" }
}

private final class LogReceiver: Sendable {
    let log: @Sendable (String) -> Void
    init(_ log: @escaping @Sendable (String) -> Void) { self.log = log }
}
