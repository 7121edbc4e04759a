import ClusterModel
import EventLoop
import JSONText

/// The clients of a run: they ask for completions of every form, read them as real ones do, some leave, and each answer is judged.
@LoopActor
final class SimulatedUsers {
    /// What became of the requests.
    struct Tally: Sendable {
        var begun = 0
        var complete = 0
        var left = 0
        /// The frontend, or the way to it, was gone.
        var broken = 0
        /// By code.
        var errors: [(code: String, count: Int)] = []
        var tokens = 0
        var violations: [String] = []

        var refused: Int { errors.reduce(0) { $0 + $1.count } }
        var ended: Int { complete + left + broken + refused }

        mutating func count(error code: String) {
            if let index = errors.firstIndex(where: { $0.code == code }) { errors[index].count += 1 } else { errors.append((code, 1)) }
        }
    }

    private(set) var tally = Tally()
    private let loop: Loop
    private let frontends: [VirtualMember]
    private let clients: [TestClient]
    private var random: SeededRandom
    private var isStopped = false
    private(set) var active = 0

    /// Longer than every limit of a request: whoever waits past it hangs.
    private static let patience = Duration.seconds(2_000)

    init(on loop: Loop, frontends: [VirtualMember], clients: [TestClient], seed: UInt64) {
        self.loop = loop
        self.frontends = frontends
        self.clients = clients
        random = SeededRandom(seed: seed ^ 0x05E2_5EED)
    }

    func start(_ count: Int) {
        for _ in 0..<count {
            active += 1
            loop.spawn { [self] in
                while !isStopped {
                    await loop.sleep(for: .milliseconds(Int64(random.next() % 400)))
                    if !isStopped { await askOnce() }
                }
                active -= 1
            }
        }
    }

    /// The requests that run are still followed to their end.
    func stop() { isStopped = true }

    /// With nothing wrong any more: requests that must be answered whole.
    func probe(_ count: Int) {
        for index in 0..<count {
            active += 1
            loop.spawn { [self] in
                var request = draw()
                request.maxTokens = 24
                let which = index % frontends.count
                tally.begun += 1
                let reply = await clients[which].chat(request, patient())
                if reply.isComplete {
                    judge(reply, to: request, at: which, began: loop.now)
                } else {
                    tally.broken += 1
                    tally.violations.append("with nothing wrong any more, \(frontends[which].name) answered: \(reply.summary)")
                }
                active -= 1
            }
        }
    }

    // MARK: One request

    private func askOnce() async {
        let request = draw(), conduct = drawConduct(), which = Int(random.next() % UInt64(clients.count)), began = loop.now
        tally.begun += 1
        judge(await clients[which].chat(request, conduct), to: request, at: which, began: began)
    }

    private static let openings = [
        "You are a helpful assistant that answers in one sentence. ", "Translate the following text into plain English, keeping names. ",
        "Continue this story in the same tone and do not end it early. ",
    ]

    private func draw() -> ChatRequest {
        // A few prefixes of several blocks are shared by many, as in life.
        let opening = Self.openings[Int(random.next() % 3)]
        var prompt = String(repeating: opening, count: 1 + Int(random.next() % 12))
        prompt += "Number \(random.next() % 1_000): é, 水, \u{1F40C}. "
        var request = ChatRequest(model: "apus-mock", prompt: prompt, maxTokens: 1 + Int(random.next() % 160))
        request.seed = Int64(random.next() % 1_000)
        request.streams = random.next() % 5 != 0
        request.isPlain = random.next() % 5 == 0
        if random.next() % 8 == 0 { request.choices = 2 }
        if random.next() % 4 == 0 { request.extra = [(name: "nvext", value: ["session_control": session()])] }
        return request
    }

    /// One of a few conversations, of which several users may be part at once: opened again and again, used, now and then closed.
    private func session() -> JSONValue {
        var control = JSONObject()
        control["session_id"] = .string("conversation-\(random.next() % 6)")
        switch random.next() % 8 {
        case 0: control["action"] = "close"
        case 1...3: break
        default: control["action"] = "open"
        }
        return .object(control)
    }

    private func patient() -> ClientConduct {
        var conduct = ClientConduct()
        conduct.patience = Self.patience
        return conduct
    }

    private func drawConduct() -> ClientConduct {
        var conduct = patient()
        switch random.next() % 12 {
        case 0: conduct.leavesAfterEvents = Int(random.next() % 40)
        case 1: conduct.leavesAfter = .milliseconds(Int64(random.next() % 1_500))
        case 2: (conduct.readBytes, conduct.readInterval) = (64 + Int(random.next() % 400), .milliseconds(40))
        case 3: conduct.writeBytes = 100 + Int(random.next() % 400)
        default: break
        }
        conduct.leavesAbruptly = random.next() % 2 == 0
        return conduct
    }

    // MARK: Judgement

    /// What a good request may end with while things go wrong.
    nonisolated static let honest: Set = [
        "no_worker", "worker_lost", "draining", "timeout", "overloaded", "quarantined", "queue_full", "queue_timeout",
        "deadline_unreachable", "transfer_failed", "capacity",
    ]

    private func judge(_ reply: ChatReply, to request: ChatRequest, at which: Int, began: Instant) {
        let frontend = frontends[which]
        func violation(_ what: String) {
            tally.violations.append(
                "\(frontend.name), \(request.isPlain ? "text" : "chat")\(request.streams ? "" : ", unary"): \(what): \(reply.summary)")
        }
        let expected = ExpectedText.choices(of: request)
        for (index, choice) in reply.answer.choices.enumerated() {
            guard index < expected.count else {
                violation("more choices than were asked for")
                break
            }
            // A stream shows whole code points, and these texts are plain.
            let text = Array(choice.text.utf8)
            if !expected[index].starts(with: text) { violation("choice \(index) is not what the model says") }
            if choice.finishReason != nil, text.count != expected[index].count { violation("choice \(index) ended with tokens missing") }
        }
        for problem in reply.violations { violation(problem) }
        switch reply.http.ending {
        case .answered where reply.answer.failure != nil:
            tally.count(error: reply.answer.failure?.code ?? reply.answer.failure?.type ?? "")
            // The requests are good, so nothing may be blamed on them; and what a client may try again must say so.
            if !Self.honest.contains(reply.answer.failure?.code ?? "") {
                violation("an error that is not the client's fault, nor a fault's")
            }
        case .answered where reply.isComplete:
            tally.complete += 1
            tally.tokens += expected.reduce(0) { $0 + $1.count }
            if reply.answer.choices.count != request.choices { violation("\(reply.answer.choices.count) choices of \(request.choices)") }
            if let usage = reply.answer.usage, usage.completionTokens != expected.reduce(0, { $0 + $1.count }) {
                violation("usage says \(usage.completionTokens) tokens")
            }
        case .answered:
            tally.broken += 1
            violation("neither an answer nor an error")
        case .left: tally.left += 1
        case .broken, .malformed:
            tally.broken += 1
            if !frontend.wasDisturbed(from: began, to: loop.now) { violation("broken, with nothing wrong between client and frontend") }
        case .hung:
            tally.broken += 1
            violation("no end after \(Self.patience)")
        }
    }
}
