import ClusterModel
import Glibc

/// Draws the requests of a mix, one by one. What a request is follows from the seed and its number alone, so that it does not depend on
/// which answers come first.
package struct MixSource: LoadSource {
    private let mix: PromptMix
    private let seed: UInt64
    /// Nil: a closed load, whose users ask when they are ready.
    private var times: ArrivalTimes?
    private var remaining: Int
    private var number: UInt64 = 0
    /// Rising, up to 1: where the k-th tenant ends.
    private let tenantEnds: [Double]

    /// What is drawn for what, so that no two draws are of one seed.
    private enum Purpose: UInt64 { case person = 1, turn, prefix, own }

    /// - Parameter requests: turns count singly; nil: without end.
    package init(_ mix: PromptMix, times: ArrivalTimes?, requests: Int?, seed: UInt64) {
        self.mix = mix
        self.times = times
        self.seed = seed
        remaining = requests ?? .max
        tenantEnds = mix.tenants.map(Self.ends) ?? []
    }

    package var name: String {
        let sessions = mix.sessions.map { ", sessions of \($0.turns.text) turns" } ?? ""
        let prefixes = mix.prefixes.map { ", \($0.groups) prefixes of \($0.tokens)" } ?? ""
        return "synthetic: input \(mix.input.text), output \(mix.output.text)\(prefixes)\(sessions)"
    }

    package mutating func next() -> LoadItem? {
        guard remaining > 0 else { return nil }
        remaining -= 1
        defer { number += 1 }
        return turn(0, of: number, due: times?.next() ?? .zero)
    }

    package mutating func next(after item: LoadItem) -> (item: LoadItem, think: Duration)? {
        guard let sessions = mix.sessions, let session = item.request.session, remaining > 0 else { return nil }
        guard let next = turn(item.turn + 1, of: session, due: .zero) else { return nil }
        remaining -= 1
        var random = generator(.turn, session, UInt64(next.turn) << 32)
        return (next, sessions.think * random.exponential())
    }

    /// Nil: the session has no such turn.
    private func turn(_ turn: UInt32, of number: UInt64, due: Duration) -> LoadItem? {
        var person = generator(.person, number, 0)
        let turns = mix.sessions.map { $0.turns.draw(&person) } ?? 1
        guard turn < turns else { return nil }
        let group = mix.prefixes.flatMap { person.fraction() <= $0.share ? person.below(UInt64($0.groups)) : nil }
        let tenant = tenantEnds.isEmpty ? 0 : Self.place(of: person.fraction(), in: tenantEnds)

        let block = Int(mix.blockTokens)
        let prefixBlocks = group == nil ? 0 : ((mix.prefixes?.tokens ?? 0) + block - 1) / block
        var tokens = prefixBlocks * block, output = 0
        for earlier in 0...turn {
            var random = generator(.turn, number, UInt64(earlier))
            tokens += output + mix.input.draw(&random)
            output = mix.output.draw(&random)
        }
        guard tokens <= mix.mostTokens || turn == 0 else { return nil }
        var request = PlannedRequest(
            due: due, promptTokens: UInt32(min(tokens, Int(UInt32.max))), outputTokens: UInt32(min(output, Int(UInt32.max))))
        let salt = PromptSalt.mix(PromptSalt.mix(seed, Purpose.own.rawValue), number)
        if group != nil || mix.sessions != nil {
            request.blocks = (0..<(tokens + block - 1) / block).map { place in
                let owner = place < prefixBlocks ? prefixSalt(group ?? 0) : salt
                return PromptSalt.mix(owner, UInt64(place))
            }
        }
        if mix.sessions != nil { request.session = number }
        request.tenant = UInt32(tenant)
        if let leaving = mix.leaving {
            var random = generator(.turn, number, UInt64(turn) | 1 << 48)
            if random.fraction() <= leaving.share { request.patience = leaving.after * random.exponential() }
        }
        var item = LoadItem(request, salt: salt)
        item.turn = turn
        return item
    }

    private func generator(_ purpose: Purpose, _ number: UInt64, _ part: UInt64) -> SeededRandom {
        SeededRandom(seed: PromptSalt.mix(PromptSalt.mix(PromptSalt.mix(seed, purpose.rawValue), number), part))
    }

    private func prefixSalt(_ group: UInt64) -> UInt64 { PromptSalt.mix(PromptSalt.mix(seed, Purpose.prefix.rawValue), group) }

    private static func ends(of tenants: PromptMix.Tenants) -> [Double] {
        var sum = 0.0
        let sums = (1...max(1, tenants.count)).map { rank in
            sum += pow(Double(rank), -tenants.skew)
            return sum
        }
        return sums.map { $0 / sum }
    }

    /// The first whose end is not below `fraction`.
    private static func place(of fraction: Double, in ends: [Double]) -> Int {
        var low = 0, high = ends.count - 1
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] < fraction { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
