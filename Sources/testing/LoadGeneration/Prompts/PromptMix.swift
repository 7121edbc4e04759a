/// What the requests of a synthetic load look like: how long they are, what they have in common, who sends them.
package struct PromptMix: Hashable, Sendable {
    /// Prompts that begin alike, as those of one system prompt or one document do.
    package struct SharedPrefixes: Hashable, Sendable {
        /// Different beginnings; each request has one of them, all alike often.
        package var groups: Int
        /// In whole blocks, rounded up; they come on top of a prompt's own length.
        package var tokens: Int
        /// Of the requests (of the sessions, where there are some) that have any.
        package var share: Double

        package init(groups: Int, tokens: Int, share: Double = 1) {
            self.groups = groups
            self.tokens = tokens
            self.share = share
        }
    }

    /// Conversations: each turn's prompt is the one before it, its answer's place, and what its user says next.
    package struct Sessions: Hashable, Sendable {
        package var turns: LengthDistribution
        /// Between the end of an answer and the next turn; exponential, of this mean.
        package var think: Duration

        package init(turns: LengthDistribution, think: Duration) {
            self.turns = turns
            self.think = think
        }
    }

    /// Many who share one server, some of them more than others.
    package struct Tenants: Hashable, Sendable {
        package var count: Int
        /// Of Zipf's law: the k-th sends in proportion to 1/k to this power; 0: all alike.
        package var skew: Double

        package init(count: Int, skew: Double = 0) {
            self.count = count
            self.skew = skew
        }
    }

    /// Clients that go away before their answer has ended.
    package struct Leaving: Hashable, Sendable {
        package var share: Double
        /// So long after having asked; exponential, of this mean.
        package var after: Duration

        package init(share: Double, after: Duration) {
            self.share = share
            self.after = after
        }
    }

    /// Of a prompt, or of what its user adds in a turn.
    package var input: LengthDistribution
    package var output: LengthDistribution
    package var prefixes: SharedPrefixes?
    package var sessions: Sessions?
    package var tenants: Tenants?
    package var leaving: Leaving?
    /// What prompts have in common is said in blocks of so many tokens.
    package var blockTokens: UInt32 = 64
    /// A session ends before a prompt grows beyond this.
    package var mostTokens = LengthDistribution.longest

    package init(input: LengthDistribution, output: LengthDistribution) {
        self.input = input
        self.output = output
    }

    /// The first requests of an open load, for a simulation: the turns of a session follow after the think time and what their answers
    /// may take, since nobody answers here.
    package func workload(_ times: ArrivalTimes, requests: Int, perToken: Duration, seed: UInt64) -> Workload {
        var source = MixSource(self, times: times, requests: requests, seed: seed), planned: [PlannedRequest] = []
        while let first = source.next() {
            planned.append(first.request)
            var item = first
            while let (next, think) = source.next(after: item) {
                var next = next
                next.request.due = item.request.due + perToken * Int(item.request.outputTokens) + think
                planned.append(next.request)
                item = next
            }
        }
        // Stable, so that what is due at one moment keeps its order.
        let order = planned.indices.sorted { (planned[$0].due, $0) < (planned[$1].due, $1) }
        return Workload(requests: order.map { planned[$0] }, blockTokens: blockTokens, source: source.name)
    }
}
