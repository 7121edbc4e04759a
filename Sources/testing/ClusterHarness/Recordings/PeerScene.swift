import ClusterModel
import EventLoop
import JSONText
import TestSupport

/// A small cluster and what is asked of it, the same in every version: what is recorded, and what recorded peers are played in.
package enum PeerScene: String, CaseIterable, Sendable {
    /// Two routers and two workers that take whole requests; sessions, a client that leaves.
    case whole
    /// Prefill and decode apart.
    case split

    package var shape: ClusterShape {
        var shape = ClusterShape()
        switch self {
        case .whole:
            shape.routers = 2
        case .split:
            shape = SplitCluster.shape(.concurrent, prefill: 1, decode: 1)
        }
        return shape
    }

    package var members: [String] {
        (1...shape.routers).map { "router-\($0)" } + (1...shape.workers.count).map { "worker-\($0)" }
            + (1...shape.frontends).map { "frontend-\($0)" }
    }

    struct Asked: Sendable {
        let at: Duration
        let request: ChatRequest
        var conduct = ClientConduct()
    }

    /// By when everybody has met everybody.
    private static let firstRequest = Duration.seconds(4), pause = Duration.milliseconds(600)
    /// When nothing is said any more but that all live.
    static let end = Duration.seconds(9)

    var requests: [Asked] {
        var asked: [Asked] = []
        func ask(_ prompt: String, _ change: (inout ChatRequest) -> Void = { _ in }, _ conduct: ClientConduct = ClientConduct()) {
            var request = ChatRequest(model: "apus-mock", prompt: prompt, maxTokens: 12)
            request.seed = Int64(asked.count)
            change(&request)
            asked.append(Asked(at: Self.firstRequest + Self.pause * asked.count, request: request, conduct: conduct))
        }
        let long = String(repeating: "A prompt of several blocks that is asked more than once. ", count: 4)
        ask(long)
        ask(long) { $0.streams = false }
        switch self {
        case .whole:
            ask("Two of them.") { $0.choices = 2 }
            ask(long) { $0.extra = [(name: "nvext", value: ["session_control": ["session_id": "recorded", "action": "open"]])] }
            ask(long) { $0.extra = [(name: "nvext", value: ["session_control": ["session_id": "recorded", "action": "close"]])] }
            var leaves = ClientConduct()
            leaves.leavesAfterEvents = 3
            ask("The client leaves.", { $0.maxTokens = 400 }, leaves)
        case .split: ask("Another one.") { $0.isPlain = true }
        }
        return asked
    }

    // MARK: Recording

    /// Plays the scene with programs of today.
    package func record() throws -> ClusterRecording {
        let cluster = VirtualCluster(seed: 100), recorder = ClusterRecorder()
        defer { cluster.end() }
        cluster.interposing = recorder.interposer
        try cluster.add(shape)
        let problems = try play(in: cluster, at: cluster.member("frontend-1"))
        guard problems.isEmpty else { throw Unmet("a cluster without faults answers well: \(problems)") }
        return recorder.recording
    }

    /// Asks everything when it is due, until the end; gives what was answered badly.
    func play(in cluster: VirtualCluster, at frontend: VirtualMember?) throws -> [String] {
        var pending: [(Asked, PendingReply)] = [], world = cluster.world
        if let frontend {
            for asked in requests {
                world.run(for: world.now.duration(to: .zero + asked.at))
                pending.append((asked, cluster.begin(asked.request, at: frontend, asked.conduct)))
            }
        }
        world.run(for: world.now.duration(to: .zero + Self.end))
        world = cluster.world
        return pending.compactMap { asked, pending in
            guard let reply = pending.reply else { return "\(asked.request.prompt.prefix(20)): no answer" }
            if asked.conduct.leavesAfterEvents != nil { return reply.http.ending == .left ? nil : reply.summary }
            let told = reply.answer.choices.map { Array($0.text.utf8) }
            return reply.isComplete && told == ExpectedText.choices(of: asked.request) ? nil : reply.summary
        }
    }
}
