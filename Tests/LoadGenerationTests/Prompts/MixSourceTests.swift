import ClusterModel
import Testing

@testable import LoadGeneration

@Suite("The requests of a synthetic load")
struct MixSourceTests {
    private func all(_ mix: PromptMix, requests: Int, seed: UInt64 = 1) -> [LoadItem] {
        var source = MixSource(mix, times: nil, requests: requests, seed: seed), items: [LoadItem] = []
        while let first = source.next() {
            var item = first
            items.append(item)
            while let (next, _) = source.next(after: item) {
                items.append(next)
                item = next
            }
        }
        return items
    }

    private func share(_ count: Int, of all: Int) -> Double { Double(count) / Double(all) }

    @Test("requests that share nothing have no blocks, and prompts of their own")
    func plain() {
        let items = all(PromptMix(input: .fixed(100), output: .uniform(5...10)), requests: 1_000)
        #expect(items.count == 1_000)
        #expect(items.allSatisfy { $0.request.blocks.isEmpty && $0.request.session == nil && $0.request.promptTokens == 100 })
        #expect(items.allSatisfy { (5...10).contains($0.request.outputTokens) })
        #expect(Set(items.map(\.salt)).count == 1_000)
    }

    @Test("requests of one group begin alike for the whole prefix, and differ behind it")
    func prefixes() {
        var mix = PromptMix(input: .fixed(100), output: .fixed(10))
        mix.prefixes = .init(groups: 5, tokens: 130, share: 0.5)
        let items = all(mix, requests: 4_000), shared = items.filter { !$0.request.blocks.isEmpty }
        #expect(abs(share(shared.count, of: 4_000) - 0.5) < 0.05)
        // 130 tokens are three blocks of 64.
        #expect(shared.allSatisfy { $0.request.promptTokens == 3 * 64 + 100 && $0.request.blocks.count == 5 })
        let beginnings = Dictionary(grouping: shared) { Array($0.request.blocks.prefix(3)) }
        #expect(beginnings.count == 5)
        #expect(beginnings.values.allSatisfy { abs(share($0.count, of: shared.count) - 0.2) < 0.05 })
        #expect(Set(shared.map { $0.request.blocks[3] }).count == shared.count)
    }

    @Test("each turn's prompt begins with the one before it and its answer's place, and its requests count")
    func sessions() throws {
        var mix = PromptMix(input: .uniform(20...90), output: .uniform(30...200))
        mix.sessions = .init(turns: .uniform(2...6), think: .seconds(2))
        mix.prefixes = .init(groups: 2, tokens: 64)
        let items = all(mix, requests: 500)
        #expect(items.count == 500)
        let sessions = Dictionary(grouping: items) { $0.request.session ?? .max }
        #expect(sessions[.max] == nil && sessions.count > 80)
        for turns in sessions.values {
            for (one, next) in zip(turns, turns.dropFirst()) {
                #expect(next.turn == one.turn + 1)
                let added = next.request.promptTokens - one.request.promptTokens - one.request.outputTokens
                #expect((20...90).contains(added))
                // The last block of a prompt is the begin of what the next one has there.
                #expect(Array(next.request.blocks.prefix(one.request.blocks.count)) == one.request.blocks)
                #expect(next.request.blocks.count == (Int(next.request.promptTokens) + 63) / 64)
                #expect(next.request.tenant == one.request.tenant && next.request.session == one.request.session)
            }
        }
    }

    @Test("a session ends before its prompts outgrow the limit")
    func limit() {
        var mix = PromptMix(input: .fixed(100), output: .fixed(100))
        mix.sessions = .init(turns: .fixed(1_000), think: .zero)
        mix.mostTokens = 1_000
        let items = all(mix, requests: 50)
        #expect(items.map(\.request.promptTokens).max() == 900)
        #expect(items.map(\.turn).max() == 4)
    }

    @Test("think times are exponential about their mean, and follow from the seed")
    func thinking() {
        var mix = PromptMix(input: .fixed(1), output: .fixed(1))
        mix.sessions = .init(turns: .fixed(2), think: .seconds(4))
        var source = MixSource(mix, times: nil, requests: nil, seed: 9), again = source, sum = 0.0
        for _ in 0..<4_000 {
            guard let item = source.next(), let same = again.next(), let turn = source.next(after: item) else { return }
            #expect(again.next(after: same)?.think == turn.think)
            sum += turn.think.inSeconds
        }
        #expect(abs(sum / 4_000 - 4) < 0.4)
    }

    @Test("tenants send by Zipf's law, or all alike")
    func tenants() {
        var mix = PromptMix(input: .fixed(1), output: .fixed(1))
        mix.tenants = .init(count: 4, skew: 1)
        var counts = [Int](repeating: 0, count: 4)
        for item in all(mix, requests: 25_000) { counts[Int(item.request.tenant)] += 1 }
        // 1 + 1/2 + 1/3 + 1/4 are 25/12.
        for (rank, expected) in [12_000, 6_000, 4_000, 3_000].enumerated() { #expect(abs(counts[rank] - expected) < 400) }
        mix.tenants = .init(count: 5)
        #expect(all(mix, requests: 5_000).map(\.request.tenant).max() == 4)
    }

    @Test("the planned share of clients leaves, after a time of the planned mean")
    func leaving() {
        var mix = PromptMix(input: .fixed(1), output: .fixed(1))
        mix.leaving = .init(share: 0.25, after: .seconds(2))
        let patience = all(mix, requests: 8_000).compactMap(\.request.patience)
        #expect(abs(share(patience.count, of: 8_000) - 0.25) < 0.03)
        #expect(abs(patience.reduce(0) { $0 + $1.inSeconds } / Double(patience.count) - 2) < 0.2)
    }

    @Test("the same seed makes the same requests whatever is answered first, and another one others")
    func determinism() {
        var mix = PromptMix(input: .lognormal(median: 300, sigma: 1), output: .normal(mean: 50, deviation: 20))
        mix.sessions = .init(turns: .uniform(1...4), think: .seconds(1))
        mix.prefixes = .init(groups: 3, tokens: 200, share: 0.7)
        var first = MixSource(mix, times: nil, requests: nil, seed: 4), second = first
        // One by one, and breadth first.
        let one = (0..<50).compactMap { _ in first.next() }, other = (0..<50).compactMap { _ in second.next() }
        #expect(one.count == 50)
        let ahead = one.reversed().map { first.next(after: $0)?.item.request }, inOrder = other.map { second.next(after: $0)?.item.request }
        #expect(ahead.reversed() == inOrder)
        #expect(one.map(\.request) == other.map(\.request))
        #expect(all(mix, requests: 50, seed: 4).map(\.request) != all(mix, requests: 50, seed: 5).map(\.request))
    }

    @Test("a workload for simulations is in order of its moments, with every turn behind the one before")
    func workload() {
        var mix = PromptMix(input: .fixed(50), output: .fixed(20))
        mix.sessions = .init(turns: .fixed(3), think: .seconds(1))
        let times = ArrivalTimes(.poisson, rate: 20, seed: 2)
        let workload = mix.workload(times, requests: 300, perToken: .milliseconds(10), seed: 2)
        #expect(workload.requests.count == 300 && workload.blockTokens == 64)
        #expect(zip(workload.requests, workload.requests.dropFirst()).allSatisfy { $0.due <= $1.due })
        let sessions = Dictionary(grouping: workload.requests) { $0.session ?? .max }
        #expect(sessions.count == 100)
        for turns in sessions.values {
            #expect(zip(turns, turns.dropFirst()).allSatisfy { $1.due - $0.due >= .milliseconds(200) && $0.promptTokens < $1.promptTokens })
        }
    }
}
