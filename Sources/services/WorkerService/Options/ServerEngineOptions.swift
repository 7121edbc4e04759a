import EngineAdapters
import Engines
import ServiceRuntime

/// The options of engines that are servers elsewhere.
struct ServerEngineOptions: Sendable {
    let url: OptionKey<ServerAddress?>
    private let engineModel: OptionKey<String?>
    private let key: OptionKey<Secret?>
    private let handOver: OptionKey<Bool>
    private let priorities: OptionKey<Bool>

    init(in table: inout OptionTable, name: ValueSyntax<String>) {
        table.group("Engine servers")
        url = table.optional(
            "engine-url", .serverAddress, help: "Where the engine's server is; a prefix of its paths may follow the port.")
        engineModel = table.optional("engine-model", name, help: "The server's name for the model; by default its first.")
        key = table.secret("engine-key", help: "What the server wants as a bearer key.")
        handOver = table.flag(
            "engine-hand-over", default: false,
            help: "The server was started with a connector that gives KV state to other servers and takes it from them.")
        priorities = table.flag(
            "engine-priorities", default: false, help: "The server schedules by priority; others refuse requests that have one.")
    }

    /// What is wrong with them, and with those that servers share with other engines.
    /// - Parameter serves: the engine that was chosen is a server.
    func issues(_ resolved: ResolvedConfiguration, serves: Bool, _ model: OptionKey<ModelFolder?>) -> [ConfigIssue] {
        guard serves else {
            guard resolved[url] != nil else { return [] }
            return [resolved.issue(url, problem: "this engine is no server", remedy: "give --engine vllm, sglang or openai, too")]
        }
        var issues: [ConfigIssue] = []
        if resolved[url] == nil {
            issues.append(resolved.issue(url, problem: "nothing says where the server is", remedy: "write \(ServerAddress.form)"))
        }
        if resolved[model] == nil {
            issues.append(
                resolved.issue(
                    model, problem: "frontends need the model's tokenizer", remedy: "give the folder of the files that the server has, too"))
        }
        if let secret = resolved[key], !secret.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) {
            issues.append(
                resolved.issue(key, problem: "a key has printable characters only, and no spaces", remedy: "correct the file"))
        }
        return issues
    }

    func apply(_ resolved: ResolvedConfiguration, to settings: inout ServerSettings) {
        settings.engineModel = resolved[engineModel]
        settings.key = resolved[key]
        settings.handsOver = resolved[handOver]
        settings.hasPriorities = resolved[priorities]
    }
}

extension ValueSyntax<ServerAddress> {
    fileprivate static var serverAddress: ValueSyntax<ServerAddress> {
        ValueSyntax(placeholder: "URL") { raw, _ throws(ValueProblem) in
            guard case .text(let text) = raw else { throw ValueProblem("it is no text", remedy: "write \(ServerAddress.form)") }
            return try ServerAddress(text)
        } show: {
            .text($0.description)
        }
    }
}
