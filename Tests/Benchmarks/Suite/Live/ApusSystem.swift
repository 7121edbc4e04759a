import Glibc

/// A frontend, a router and workers with the mock engine.
struct ApusSystem {
    /// How fast the mock engine is.
    enum Pace {
        /// As fast as the machine.
        case none
        /// A token of every sequence each so often.
        case milliseconds(Int)

        var options: [String] {
            switch self {
            case .none: ["--speedup", "0"]
            case .milliseconds(let step): ["--mock-decode-step", "\(step)ms", "--mock-prefill-token", "0s"]
            }
        }
    }

    /// Where the programs lie.
    let binaries: String
    /// The folder of its model; nil: bytes.
    let model: String?
    var workers = 4
    var pace = Pace.none
    /// Of each worker.
    var sequences = 256
    /// A worker takes them all at once: with room for each, and a step that computes many prompts. Routers queue as much as some steps do.
    private var manySequences: [String] {
        ["--max-waiting", "\(sequences)", "--blocks", "\(16 * sequences)", "--max-batched-tokens", "\(16 * sequences)"]
    }
    /// Tokens of a prompt and its answer; nil: the model's own.
    var contextLength: Int?

    init(_ settings: Settings, model: String?) throws(BenchmarkFailure) {
        if let folder = settings.binaries { binaries = folder } else { binaries = try Self.ownFolder() }
        self.model = model
    }

    /// Where this program lies: those it measures are built beside it.
    private static func ownFolder() throws(BenchmarkFailure) -> String {
        let path = try Callgrind.executable()
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    func system() throws(BenchmarkFailure) -> ServingSystem { system(ports: try FreePorts.take(6)) }

    /// - Parameter ports: links, feed and admin of the router; HTTP, admin and feed of the frontend.
    func system(ports: [UInt16]) -> ServingSystem {
        ServingSystem(
            name: "apus", programs: [router(ports)] + (0..<workers).map { _ in worker(ports) } + [frontend(ports)], port: ports[3],
            model: BenchPrompts.modelName)
    }

    func router(_ ports: [UInt16]) -> ServerProgram {
        ServerProgram(
            part: "router", path: "\(binaries)/router",
            arguments: [
                "--listen", Self.link(ports[0]), "--publish", Self.link(ports[1]), "--admin-listen", "127.0.0.1:\(ports[2])",
            ])
    }

    func worker(_ ports: [UInt16], admin: UInt16 = 0) -> ServerProgram {
        ServerProgram(
            part: "workerd", path: "\(binaries)/workerd",
            arguments: ["--routers", Self.link(ports[0]), "--model-name", BenchPrompts.modelName, "--max-sequences", "\(sequences)"]
                + (contextLength.map { ["--context-length", "\($0)"] } ?? [])
                + (sequences > 1_024 ? manySequences : [])
                + (admin > 0 ? ["--admin-listen", "127.0.0.1:\(admin)"] : []) + (model.map { ["--model", $0] } ?? []) + pace.options,
            isEngine: true)
    }

    func frontend(_ ports: [UInt16]) -> ServerProgram {
        ServerProgram(
            part: "frontend", path: "\(binaries)/frontend",
            arguments: [
                "--routers", Self.link(ports[0]), "--listen", "127.0.0.1:\(ports[3])", "--admin-listen", "127.0.0.1:\(ports[4])",
                "--publish", Self.link(ports[5]),
            ])
    }

    private static func link(_ port: UInt16) -> String { "tcp://127.0.0.1:\(port)" }
}
