import ClusterHarness
import ClusterModel
import EventLoop

/// Clients that stream, one request after another, and judge what they get by what the model says.
@LoopActor
final class Load {
    private let cluster: ProcessCluster
    private let frontends: [ClusterMember]
    private(set) var complete = 0
    /// Ended by a typed error.
    private(set) var failed = 0
    /// The frontend died under them, or was not there.
    private(set) var broken = 0
    private(set) var violations: [String] = []
    private var errors: [String] = []
    private var active = 0
    private var isStopping = false
    private var next = 0

    init(_ cluster: ProcessCluster, at frontends: [ClusterMember]) {
        self.cluster = cluster
        self.frontends = frontends
    }

    var summary: String {
        "\(complete) complete, \(failed) errors \(Set(errors).sorted()), \(broken) broken, \(violations.count) violations"
    }

    func start(_ users: Int) throws {
        for user in 0..<users {
            let frontend = frontends[user % frontends.count]
            active += 1
            cluster.loop.spawn { [self] in
                while !isStopping { await ask(frontend) }
                active -= 1
            }
        }
    }

    func run(for span: Duration) async throws { await cluster.loop.sleep(for: span) }

    func stop() async throws {
        isStopping = true
        try await cluster.loop.until("every client has its answer", within: .seconds(60)) { self.active == 0 }
    }

    private func ask(_ frontend: ClusterMember) async {
        guard let client = try? cluster.client(of: frontend) else { return violations.append("no client") }
        next += 1
        var request = ChatRequest(model: "apus-mock", prompt: "Story \(next) of a long journey.", maxTokens: 120)
        request.seed = Int64(next)
        let reply = await client.chat(request)
        let text = Array(reply.text.utf8)
        if !ExpectedText.choices(of: request)[0].starts(with: text) { violations.append("not what the model says: \(reply.summary)") }
        violations += reply.violations
        switch reply.http.ending {
        case .answered where reply.isComplete:
            complete += 1
            if text.count != request.maxTokens { violations.append("tokens are missing: \(reply.summary)") }
        case .answered where reply.isTypedError:
            failed += 1
            errors.append(reply.answer.failure?.code ?? "?")
        case .broken, .malformed:
            broken += 1
            if frontend.process?.ending == nil, frontends.count == 1 { violations.append("broken by a living frontend: \(reply.summary)") }
        default: violations.append("no end: \(reply.summary)")
        }
        // A closed port answers at once.
        if !reply.isComplete { await cluster.loop.sleep(for: .milliseconds(50)) }
    }
}
