import ClusterHarness
import ClusterModel
import EventLoop
import JSONText
import Testing

/// More is asked for than the workers can do.
@Suite("Overload")
struct OverloadTests {
    /// One request of a run, as its client saw it.
    private struct Asked {
        let request: ChatRequest
        let at: Instant
        let pending: PendingReply
        var endedAt: Instant?
    }

    /// Two workers that compute a thousand tokens of prompts a second each, in steps of 256.
    private func with(_ routerOptions: [String], seed: UInt64 = 1, _ body: (VirtualCluster) throws -> Void) throws {
        let cluster = VirtualCluster(seed: seed)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.workerOptions = ["--mock-prefill-token", "1ms", "--max-batched-tokens", "256", "--mock-decode-step", "1ms"]
        shape.routerOptions = routerOptions
        try cluster.add(shape)
        try cluster.untilReady()
        try body(cluster)
    }

    /// About 200 tokens that no other prompt begins with.
    private func request(_ number: Int, priority: Int? = nil) -> ChatRequest {
        var request = ChatRequest(
            model: "apus-mock", prompt: "\(number) " + String(repeating: "\(number * 7_919 % 10_007) words ", count: 14), maxTokens: 2)
        request.seed = Int64(number)
        if let priority { request.extra = [("nvext", ["agent_hints": ["priority": .number(JSONNumber(Int64(priority)))]])] }
        return request
    }

    /// Asks at a steady pace and lets everything end.
    private func ask(_ count: Int, every pace: Duration, in cluster: VirtualCluster, priority: (Int) -> Int? = { _ in nil }) throws
        -> [Asked]
    {
        var asked: [Asked] = []
        let frontend = cluster.member("frontend-1")
        func note() {
            for index in asked.indices where asked[index].endedAt == nil && asked[index].pending.reply != nil {
                asked[index].endedAt = cluster.world.now
            }
        }
        for number in 0..<count {
            let request = request(number, priority: priority(number))
            asked.append(Asked(request: request, at: cluster.world.now, pending: cluster.begin(request, at: frontend)))
            cluster.pass(pace)
            note()
        }
        for _ in 0..<2_000 where asked.contains(where: { $0.endedAt == nil }) {
            cluster.pass(.milliseconds(50))
            note()
        }
        #expect(asked.allSatisfy { $0.endedAt != nil }, "every request ends")
        return asked
    }

    private func seconds(_ span: Duration) -> Double { Double(span.inNanoseconds) / 1e9 }

    @Test(
        "twice what the workers can do: they stay busy, the rest is refused in milliseconds, advice to come back is honest, and nothing is left"
    )
    func overload() throws {
        try with(["--queue-entries", "40", "--queue-time", "30s"]) { cluster in
            let asked = try ask(500, every: .milliseconds(50), in: cluster)
            let complete = asked.filter { $0.pending.reply?.isComplete ?? false }
            let refused = asked.filter { $0.pending.reply?.http.status == 429 }
            #expect(
                complete.count + refused.count == asked.count,
                "\(asked.compactMap { $0.pending.reply }.filter { !$0.isComplete && $0.http.status != 429 }.map(\.summary))")
            #expect(refused.count > 100)
            for one in complete { #expect(one.pending.reply?.text == ExpectedText.text(of: one.request)) }
            // What the workers did, of what they could do while it was asked for.
            let tokens = complete.reduce(0) { $0 + ($1.pending.reply?.answer.usage?.promptTokens ?? 0) }
            let last = complete.compactMap(\.endedAt).max() ?? cluster.world.now
            let rate = Double(tokens) / seconds(asked[0].at.duration(to: last))
            #expect(rate > 1_400, "\(rate) tokens a second of 2,000")
            for one in refused {
                #expect(one.at.duration(to: one.endedAt ?? one.at) <= .milliseconds(60))
                let advice = one.pending.reply?.http["retry-after"].flatMap(Double.init) ?? 0
                #expect((1...120).contains(advice))
                // What was parked when it was refused was all placed when the last one that had come before it was served.
                guard let before = complete.last(where: { $0.at < one.at }), let end = before.endedAt else { continue }
                let truth = seconds(one.at.duration(to: end))
                #expect(advice <= 3 * truth + 1 && 3 * advice + 1 >= truth, "told \(advice) s, and it took \(truth) s")
            }
            cluster.pass(.seconds(12))
            #expect(cluster.heldAtRest == [])
        }
    }

    @Test("a queue that takes too long is told at once to whoever may not wait for it, once its pace is known")
    func tooLong() throws {
        try with(["--queue-entries", "1000", "--queue-batches", "1000", "--queue-time", "5s"]) { cluster in
            let asked = try ask(400, every: .milliseconds(50), in: cluster)
            var codes: [String: Int] = [:]
            for one in asked { codes[one.pending.reply?.answer.failure?.code ?? "complete", default: 0] += 1 }
            #expect(Set(codes.keys).isSubset(of: ["complete", "deadline_unreachable", "queue_timeout"]), "\(codes)")
            #expect((codes["deadline_unreachable"] ?? 0) > 50 && (codes["complete"] ?? 0) > 100, "\(codes)")
            // Whoever is let in has its place in time: the estimate does not let many in for nothing.
            #expect((codes["queue_timeout"] ?? 0) < asked.count / 10, "\(codes)")
            for one in asked where one.pending.reply?.http.status == 503 {
                #expect((1...120).contains(one.pending.reply?.http["retry-after"].flatMap(Int.init) ?? 0))
                #expect(one.at.duration(to: one.endedAt ?? one.at) <= .seconds(6))
            }
            cluster.pass(.seconds(12))
            #expect(cluster.heldAtRest == [])
        }
    }

    @Test("under overload priority gets its answers sooner, and what has none is not starved")
    func priority() throws {
        try with(["--queue-entries", "400", "--queue-batches", "1000", "--queue-time", "60s", "--queue-aging", "5s"]) { cluster in
            let asked = try ask(300, every: .milliseconds(50), in: cluster) { $0.isMultiple(of: 4) ? 1_000 : nil }
            func mean(_ urgent: Bool) -> Double {
                let waits = asked.enumerated().filter {
                    $0.offset.isMultiple(of: 4) == urgent && ($0.element.pending.reply?.isComplete ?? false)
                }
                .map { seconds($0.element.at.duration(to: $0.element.endedAt ?? $0.element.at)) }
                return waits.reduce(0, +) / Double(max(1, waits.count))
            }
            #expect(asked.allSatisfy { $0.pending.reply?.isComplete ?? false })
            #expect(mean(true) * 2 < mean(false), "\(mean(true)) s against \(mean(false)) s")
            cluster.pass(.seconds(12))
            #expect(cluster.heldAtRest == [])
        }
    }

    @Test("clients that leave while they are parked leave the queue at once, and those behind them go on")
    func departures() throws {
        try with(["--queue-time", "60s"]) { cluster in
            let frontend = cluster.member("frontend-1")
            var leaving = ClientConduct()
            leaving.leavesAfter = .milliseconds(1_500)
            let begun = (0..<40).map { cluster.begin(request($0), at: frontend, $0.isMultiple(of: 2) ? leaving : ClientConduct()) }
            cluster.pass(.milliseconds(1_600))
            // Ten or so were computed by then.
            #expect(cluster.openRequests(of: .frontend) <= 20)
            try cluster.until("all have ended") { begun.allSatisfy { $0.reply != nil } }
            for (index, pending) in begun.enumerated() where !index.isMultiple(of: 2) { #expect(pending.reply?.isComplete ?? false) }
            #expect(begun.filter { $0.reply?.http.ending == .left }.count > 5)
            cluster.pass(.seconds(12))
            #expect(cluster.heldAtRest == [])
        }
    }

    @Test("the router dies with requests parked: another one takes them, none is lost")
    func routerDies() throws {
        let cluster = VirtualCluster(seed: 5)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.routers = 2
        shape.workers = [.aggregated]
        shape.workerOptions = ["--mock-prefill-token", "1ms", "--max-batched-tokens", "256", "--mock-decode-step", "1ms"]
        try cluster.add(shape)
        try cluster.untilReady()
        let begun = (0..<20).map { ($0, cluster.begin(request($0), at: cluster.member("frontend-1"))) }
        cluster.pass(.milliseconds(500))
        cluster.member("router-1").kill()
        try cluster.until("all have ended") { begun.allSatisfy { $0.1.reply != nil } }
        for (number, pending) in begun {
            #expect(pending.reply?.isComplete ?? false, "\(pending.reply?.summary ?? "")")
            #expect(pending.reply?.text == ExpectedText.text(of: request(number)))
        }
        cluster.member("router-1").restart()
        try cluster.untilReady()
        cluster.pass(.seconds(12))
        #expect(cluster.heldAtRest == [])
    }
}
