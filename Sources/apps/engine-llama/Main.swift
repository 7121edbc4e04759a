import EngineServing
import Glibc
import LlamaEngine
import ServiceRuntime

/// `engine-llama`: the engine of one worker, over llama.cpp, in a process of its own; an abort of the library ends this process alone.
///
/// What it is to run comes from the worker, over the descriptor that it starts with: nothing but numbers and paths, and nothing by the command line.
@main
struct Main {
    nonisolated static func main() {
        guard CommandLine.arguments.count == 1 else {
            StandardStreams.complain("engine-llama: it takes no options; `workerd --engine llama` starts it\n")
            exit(2)
        }
        // An abort would start a debugger to print where it was.
        setenv("GGML_NO_BACKTRACE", "1", 1)
        // What comes here is for the worker's log.
        LlamaLibrary.start { StandardStreams.complain($0) }
        do {
            try EngineServing.serveParent(build: LlamaLibrary.build) { try LlamaEngine.make(try LlamaSettings($0)) }
        } catch {
            StandardStreams.complain("engine-llama: \(error)\n")
            exit(1)
        }
    }
}
