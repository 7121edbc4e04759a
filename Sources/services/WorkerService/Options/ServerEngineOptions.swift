import ClusterModel
import EngineAdapters
import Engines
import ServiceRuntime

/// The options of engines that are servers elsewhere.
struct ServerEngineOptions: Sendable {
    let url: OptionKey<ServerAddress?>
    private let engineModel: OptionKey<String?>
    let key: OptionKey<Secret?>
    let events: OptionKey<ZMTPEndpoint?>
    let replay: OptionKey<ZMTPEndpoint?>
    private let topic: OptionKey<String>
    private let meetingHost: OptionKey<String?>
    private let handOver: OptionKey<Bool>
    private let priorities: OptionKey<Bool>

    init(in table: inout OptionTable, name: ValueSyntax<String>) {
        table.group("Engine servers")
        url = table.optional(
            "engine-url", .serverAddress, help: "Where the engine's server is; a prefix of its paths may follow the port.")
        engineModel = table.optional("engine-model", name, help: "The server's name for the model; by default its first.")
        key = table.secret("engine-key", help: "What the server wants as a bearer key.")
        events = table.optional(
            "engine-events", .zmtpEndpoint,
            help: "Where the server publishes what its cache holds; further ranks do it on the ports behind. Without it caches are guessed."
        )
        replay = table.optional(
            "engine-replay", .zmtpEndpoint, help: "Where the server tells again what was missed; further ranks on the ports behind.")
        topic = table.option("engine-topic", .text("TEXT"), default: "", help: "The topic of those events; empty: whatever is published.")
        meetingHost = table.optional(
            "engine-meeting-host", name,
            help: "Where SGLang's decode servers reach this prefill server; by default where this worker does.")
        handOver = table.flag(
            "engine-hand-over", default: false,
            help: "vLLM was started with a connector that gives KV state to other servers and takes it from them; SGLang says so itself.")
        priorities = table.flag(
            "engine-priorities", default: false,
            help: "vLLM schedules by priority; one that does not refuses requests that have one. SGLang says so itself.")
    }

    /// What is wrong with them, and with those that servers share with other engines.
    /// - Parameter serves: the engine that was chosen is a server.
    func issues(
        _ resolved: ResolvedConfiguration, serves: Bool, _ model: OptionKey<ModelFolder?>, _ ranks: OptionKey<Int>
    ) -> [ConfigIssue] {
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
                    model, problem: "frontends need the model's tokenizer", remedy: "give the folder of the files that the server has, too")
            )
        }
        if resolved[replay] != nil, resolved[events] == nil {
            issues.append(
                resolved.issue(replay, problem: "it tells again what nothing tells first", remedy: "give engine-events, too"))
        }
        if let feed = feed(resolved), EngineEventFeed.ranks(UInt32(clamping: resolved[ranks]), from: feed) == nil {
            issues.append(
                resolved.issue(
                    events, problem: "\(resolved[ranks]) ranks have no ports behind this one",
                    remedy: "let the server publish on lower ports"))
        }
        if let secret = resolved[key], !secret.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) {
            issues.append(
                resolved.issue(key, problem: "a key has printable characters only, and no spaces", remedy: "correct the file"))
        }
        return issues
    }

    private func feed(_ resolved: ResolvedConfiguration) -> EngineEventFeed? {
        resolved[events].map { EngineEventFeed(rank: Rank(0), events: $0, replay: resolved[replay], topic: resolved[topic]) }
    }

    func apply(_ resolved: ResolvedConfiguration, to settings: inout ServerSettings) {
        settings.engineModel = resolved[engineModel]
        settings.key = resolved[key]
        settings.feed = feed(resolved)
        settings.meetingHost = resolved[meetingHost]
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

extension ValueSyntax<ZMTPEndpoint> {
    fileprivate static var zmtpEndpoint: ValueSyntax<ZMTPEndpoint> {
        ValueSyntax(placeholder: "tcp://HOST:PORT") { raw, _ throws(ValueProblem) in
            guard case .text(let text) = raw else { throw ValueProblem("it is no text", remedy: "write tcp://HOST:PORT") }
            do throws(ZMTPEndpoint.Invalid) { return try ZMTPEndpoint(parsing: text) } catch {
                throw ValueProblem("\(text.prefix(100)) is no such address: it \(error)", remedy: "write tcp://HOST:PORT")
            }
        } show: {
            .text($0.description)
        }
    }
}
