import LoadGeneration
import ServiceRuntime
import WireProtocol

/// The options of `loadgen run`.
struct RunOptions {
    enum Arrivals: String, CaseIterable, Sendable { case poisson, gamma, constant }

    private(set) var table: OptionTable
    let url: OptionKey<String>
    let api: OptionKey<RequestForm.API>
    let model: OptionKey<String?>
    let stream: OptionKey<Bool>
    let usage: OptionKey<Bool>
    let fixedLength: OptionKey<Bool>
    let headers: OptionKey<[String]>
    let key: OptionKey<Secret?>
    let timeout: OptionKey<Duration>
    let connections: OptionKey<Int>

    let rate: OptionKey<Double?>
    let arrivals: OptionKey<Arrivals>
    let burstiness: OptionKey<Double>
    let concurrency: OptionKey<Int?>
    let think: OptionKey<Duration>
    let requests: OptionKey<Int?>
    let duration: OptionKey<Duration?>
    let warmUp: OptionKey<Duration>
    let coolDown: OptionKey<Duration>
    let trace: OptionKey<String?>
    let timeScale: OptionKey<Double>
    let seed: OptionKey<Int>

    let prompts: PromptOptions
    let goodFirstToken: OptionKey<Duration?>
    let goodPerToken: OptionKey<Duration?>
    let goodEndToEnd: OptionKey<Duration?>
    let title: OptionKey<String?>
    let files: ReportFiles
    let progress: OptionKey<Bool>

    init() {
        var table = OptionTable(
            ProcessDescription(
                name: "loadgen run",
                summary: """
                    Puts load on a server of OpenAI's API and reports what its users would see. An open load (--rate, --trace) sends each \
                    request when it is due, whatever became of those before it, and counts a wait in the sender as a user's wait; a closed \
                    one (--concurrency) asks again when an answer has ended. SIGINT ends it early, with a report.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init(
                        "loadgen run --url http://127.0.0.1:8000 --rate 50 --duration 30s",
                        "fifty requests a second, as many users send them"),
                    .init(
                        "loadgen run --url http://127.0.0.1:8000 --concurrency 64 --requests 10000 --input-tokens lognormal:800,1",
                        "64 users, prompts of all lengths"),
                    .init(
                        "loadgen run --url http://127.0.0.1:8000 --rate 8 --duration 5min --session-turns uniform:2-8 --session-think 5s",
                        "conversations whose prompts grow"),
                    .init(
                        "loadgen run --url http://127.0.0.1:8000 --trace conversation.jsonl --time-scale 0.5 --json run.json",
                        "a trace in half of its time"),
                ]))
        table.group("Server")
        url = table.required("url", .text("URL") { Self.problem(ofURL: $0) }, help: "http://HOST:PORT, with a prefix if its API has one.")
        api = table.option("api", .word(), default: .chat, help: "What is asked: /v1/chat/completions or /v1/completions.")
        model = table.optional("model", .text("NAME"), help: "The model; without it the first that the server lists.")
        stream = table.flag("stream", default: true, help: "Answers come token by token.")
        usage = table.flag("usage", default: true, help: "Asks streams for their counts of tokens (stream_options.include_usage).")
        fixedLength = table.flag(
            "fixed-length", default: true, help: "Answers are as long as planned: sends ignore_eos and min_tokens.")
        headers = table.list(
            "headers", .text("NAME:VALUE") { Self.problem(ofHeader: $0) }, count: 0...32, help: "Sent with each request, as they are.")
        key = table.secret("api-key", help: "File of the key that is sent; else the variable OPENAI_API_KEY, if it is set.")
        timeout = table.option(
            "timeout", .duration(.milliseconds(100)...(.seconds(7_200))), default: .seconds(600),
            help: "Of an answer; and of a request that finds no free connection.")
        connections = table.option(
            "connections", .integer(1...LoadLimits.mostConnections), default: 4_096,
            help: "Requests of an open load under way at most; more wait, and their wait counts.")

        table.group("Load")
        rate = table.optional("rate", .number(0.001...1_000_000), help: "Requests a second (of sessions: first turns): an open load.")
        arrivals = table.option(
            "arrivals", .word(), default: .poisson, help: "How they come: as from many users, in bursts, in equal steps.")
        burstiness = table.option(
            "burstiness", .number(0.01...1_000), default: 0.5,
            help: "Of --arrivals gamma: its shape; below 1 more uneven than poisson, above it evener.")
        concurrency = table.optional(
            "concurrency", .integer(1...LoadLimits.mostConnections), help: "Users, each of whom asks again after the answer: a closed load."
        )
        think = table.option(
            "think", .duration(.zero...(.seconds(86_400))), default: .zero,
            help: "Of --concurrency: between an answer and the next request.")
        requests = table.optional("requests", .integer(1...1_000_000_000), help: "Ends after so many.")
        duration = table.optional("duration", .duration(.milliseconds(100)...(.seconds(604_800))), help: "Sends nothing after so long.")
        warmUp = table.option(
            "warm-up", .duration(.zero...(.seconds(86_400))), default: .zero,
            help: "Left out of the report: what is due in the first so long.")
        coolDown = table.option(
            "cool-down", .duration(.zero...(.seconds(86_400))), default: .zero,
            help: "The same of the last so long of --duration.")
        trace = table.optional("trace", .path("FILE"), help: "Replays a file: Mooncake's, Azure's, BurstGPT's or Qwen's columns, or ours.")
        timeScale = table.option(
            "time-scale", .number(0.001...1_000), default: 1, help: "Of --trace: 2 takes twice its time, 0.5 half of it.")
        seed = table.option("seed", .integer(0...Int.max), default: 1, help: "The same seed makes the same requests.")
        prompts = PromptOptions(in: &table)

        table.group("Report")
        let bound = ValueSyntax.duration(.microseconds(1)...(.seconds(7_200)))
        goodFirstToken = table.optional("goodput-ttft", bound, help: "A good request has its first token within this.")
        goodPerToken = table.optional("goodput-itl", bound, help: "Its tokens after the first come within this each, in the mean.")
        goodEndToEnd = table.optional("goodput-e2e", bound, help: "Its answer has ended within this.")
        title = table.optional("title", .text(), help: "The report's title; where the load went unless told.")
        files = ReportFiles(&table)
        progress = table.flag("progress", default: true, help: "A line of how it goes, on a terminal, once a second.")
        self.table = table
        check()
    }

    private mutating func check() {
        table.check(rate, concurrency, trace) { [rate, concurrency, trace] resolved in
            let isReplayed = resolved[trace] != nil, isOpen = resolved[rate] != nil, isClosed = resolved[concurrency] != nil
            if !isReplayed, !isOpen, !isClosed {
                return [
                    resolved.issue(
                        rate, problem: "nothing says how requests come", remedy: "give one of --rate, --concurrency and --trace")
                ]
            }
            guard isOpen, isReplayed || isClosed else { return [] }
            return [
                resolved.issue(
                    rate, problem: "several options say how requests come",
                    remedy: "give --rate alone; --trace has its own moments, and with --concurrency its users ask when they are ready")
            ]
        }
        table.check(requests, duration, trace) { [requests, duration, trace] resolved in
            guard resolved[requests] == nil, resolved[duration] == nil, resolved[trace] == nil else { return [] }
            return [resolved.issue(duration, problem: "the load has no end", remedy: "give --duration or --requests")]
        }
        table.check(duration, warmUp, coolDown) { [duration, warmUp, coolDown] resolved in
            if resolved[coolDown] > .zero, resolved[duration] == nil {
                return [resolved.issue(coolDown, problem: "the end is not known before it comes", remedy: "give --duration as well")]
            }
            guard let whole = resolved[duration], resolved[warmUp] + resolved[coolDown] >= whole else { return [] }
            return [
                resolved.issue(warmUp, problem: "nothing is left to be measured", remedy: "make --duration longer than both ends of it")
            ]
        }
        prompts.check(in: &table, api: api)
    }

    private static func problem(ofURL text: String) -> ValueProblem? {
        do throws(LoadTarget.Refusal) {
            _ = try LoadTarget(parsing: text)
            return nil
        } catch {
            return ValueProblem("\(error)", remedy: "correct --url")
        }
    }

    private static func problem(ofHeader text: String) -> ValueProblem? {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else {
            return ValueProblem("it has no name and colon", remedy: "write NAME:VALUE")
        }
        let name = text[..<colon].lowercased()
        guard !["authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"].contains(name) else {
            return ValueProblem("\(name) is written by loadgen itself", remedy: "leave it out; keys are given with --api-key-file")
        }
        return nil
    }
}
