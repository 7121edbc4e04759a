import ClusterModel
import EventLoop

/// Clients of one case: they ask, and when all is over their answers are judged by what the model says.
///
/// Answers are judged at the end, not as they come: reading them takes time that would count as the cluster's.
@LoopActor
final class DrillClients {
    private struct Exchange {
        let request: ChatRequest
        /// Of a request that is too long to be written for each of many.
        let body: [UInt8]?
        let conduct: ClientConduct
        let began: Instant
        var reply: ClientReply?
    }

    private let cluster: ProcessCluster
    private let frontends: [ClusterMember]
    private var exchanges: [Exchange] = []
    private(set) var open = 0
    private var isStopping = false
    private(set) var lastAnswer: Instant

    /// How long answers may take that nothing holds up any more; a stream without an end is a hang.
    static let patience = Duration.seconds(120)
    /// Until who was refused asks again.
    private static let comeback = Duration.milliseconds(250)
    /// Of the first that went wrong, so many are described.
    private static let described = 4

    init(_ cluster: ProcessCluster, at frontends: [ClusterMember]? = nil) {
        self.cluster = cluster
        self.frontends = frontends ?? cluster.frontends
        lastAnswer = cluster.loop.now
    }

    /// Asked so far.
    var count: Int { exchanges.count }
    var answered: Int { exchanges.count - open }

    // MARK: Asking

    /// At the next frontend in turn, unless it is told at which.
    func ask(
        _ request: ChatRequest, _ conduct: ClientConduct? = nil, body: [UInt8]? = nil, at frontend: ClusterMember? = nil
    ) throws {
        let client = try cluster.client(of: frontend ?? frontends[count % frontends.count]), place = try begin(request, conduct, body)
        cluster.loop.spawn { [self] in await finish(place, client) }
    }

    /// So many users, each with one request after another, until `stop`.
    func keepAsking(_ users: Int, pause: Duration = .zero, _ request: @escaping @LoopActor (_ number: Int) -> ChatRequest) throws {
        for user in 0..<users {
            let client = try cluster.client(of: frontends[user % frontends.count])
            cluster.loop.spawn { [self] in
                while !isStopping, let place = try? begin(request(count + 1), nil) {
                    await finish(place, client)
                    let wasAnswered = exchanges[place].reply?.status == 200
                    await cluster.loop.sleep(for: wasAnswered ? pause : max(pause, Self.comeback))
                }
            }
        }
    }

    func stop() { isStopping = true }

    private func begin(_ request: ChatRequest, _ conduct: ClientConduct?, _ body: [UInt8]? = nil) throws -> Int {
        var conduct = conduct ?? ClientConduct()
        conduct.patience = Self.patience
        exchanges.append(Exchange(request: request, body: body, conduct: conduct, began: cluster.loop.now))
        open += 1
        return exchanges.count - 1
    }

    private func finish(_ place: Int, _ client: TestClient) async {
        let exchange = exchanges[place]
        exchanges[place].reply = await client.post(exchange.request.path, exchange.body ?? exchange.request.body, exchange.conduct)
        open -= 1
        lastAnswer = cluster.loop.now
    }

    /// Every client has what it gets. The clients' own patience bounds it.
    func end() async throws {
        isStopping = true
        try await cluster.loop.until("every client has its answer", within: Self.patience + .seconds(30)) { self.open == 0 }
    }

    // MARK: Judging

    /// Counts what came of them, and how streams went that were open at `fault`.
    func judge(into row: inout DrillRow, since fault: Instant? = nil, mayFail: Bool = false) {
        var told = 0
        func describe(_ what: String, _ reply: ChatReply) {
            told += 1
            if told <= Self.described { row.failures.append("\(what): \(reply.summary)") }
        }
        var codes: [String: Int] = [:]
        for exchange in exchanges {
            guard let http = exchange.reply else { continue }
            let reply = ChatReply(http, to: exchange.request)
            row.requests += 1
            switch http.ending {
            case .left: row.left += 1
            case .answered where reply.isComplete: row.complete += 1
            case .answered where reply.isTypedError:
                row.errors += 1
                codes[reply.answer.failure?.code ?? "?", default: 0] += 1
                if !mayFail { describe("an error", reply) }
            case .hung:
                row.hung += 1
                describe("hung", reply)
            default:
                row.lost += 1
                describe("lost", reply)
            }
            if !isModels(reply, exchange.request) {
                row.wrong += 1
                describe("not what the model says", reply)
            }
            measure(http, exchange.began, since: fault, into: &row)
        }
        if !codes.isEmpty { row.note("errors", codes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")) }
        if told > Self.described { row.failures.append("and \(told - Self.described) more of these") }
    }

    /// Requests that were told to come back: 503, and when.
    var unavailable: Int { exchanges.count { $0.reply?.status == 503 && $0.reply?["retry-after"] != nil } }

    /// How long requests waited for their first event, the longest first.
    var firstEvents: [Duration] { exchanges.compactMap { $0.reply?.eventTimes.first }.sorted(by: >) }

    /// The answers that are whole.
    var complete: [ChatReply] {
        exchanges.compactMap { exchange in exchange.reply.map { ChatReply($0, to: exchange.request) } }.filter(\.isComplete)
    }

    private func isModels(_ reply: ChatReply, _ request: ChatRequest) -> Bool {
        // Without one there is nothing to compare: a client that leaves before the first token.
        guard !reply.answer.choices.isEmpty else { return !reply.isComplete }
        let expected = ExpectedText.choices(of: request)
        return zip(reply.answer.choices, expected).allSatisfy { choice, expected in
            let text = Array(choice.text.utf8)
            return reply.isComplete ? text == expected && choice.finishReason == "length" : expected.starts(with: text)
        }
    }

    /// Longer than this between two events of a stream, and it was held up.
    var heldUp = Duration.milliseconds(200)

    private func measure(_ reply: ClientReply, _ began: Instant, since fault: Instant?, into row: inout DrillRow) {
        let times = reply.eventTimes
        for (one, next) in zip(times, times.dropFirst()) {
            row.worstGap = max(row.worstGap ?? .zero, next - one)
            guard let fault, began + next > fault else { continue }
            // The end of the last wait that was one.
            row.healed = max(row.healed ?? .zero, next - one > heldUp ? fault.duration(to: began + next) : .zero)
        }
    }
}

extension ChatRequest {
    /// A stream of so many tokens whose answer is known before it is asked.
    static func drill(_ number: Int, tokens: Int, prompt bytes: Int = 0, seed: UInt64 = 1) -> ChatRequest {
        var prompt = "Drill \(number): tell the story of a long journey."
        if bytes > prompt.utf8.count { prompt += DrillText.words(bytes - prompt.utf8.count, seed: seed &+ UInt64(number)) }
        var request = ChatRequest(model: "apus-mock", prompt: prompt, maxTokens: tokens)
        request.seed = Int64(bitPattern: (seed &+ UInt64(number)) & UInt64(Int64.max))
        return request
    }
}

/// Prompts of a length, each its own.
enum DrillText {
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz     ".utf8)

    static func words(_ count: Int, seed: UInt64) -> String {
        var random = SeededRandom(seed: seed)
        return String(decoding: (0..<count).map { _ in letters[Int(random.next() % UInt64(letters.count))] }, as: UTF8.self)
    }
}
