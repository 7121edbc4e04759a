import EngineServing
import Glibc
import LlamaEngine

/// `engine-llama`: the engine of one worker, over llama.cpp, in a process of its own; an abort of the library ends this process alone.
///
/// What it is to run comes from the worker, over the descriptor that it starts with: nothing but numbers and paths, and nothing by the command line.
@main
struct Main {
    nonisolated static func main() {
        guard CommandLine.arguments.count == 1 else {
            complain("takes no options; `workerd --engine llama` starts it")
            exit(2)
        }
        // An abort would start a debugger to print where it was.
        setenv("GGML_NO_BACKTRACE", "1", 1)
        LlamaLibrary.start { fputs($0, stderr) }
        do {
            try EngineServing.serveParent(build: LlamaLibrary.build) { try LlamaEngine.make(try LlamaSettings($0)) }
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private nonisolated static func complain(_ text: String) { fputs("engine-llama: \(text)\n", stderr) }
}
