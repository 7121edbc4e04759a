/// Bounds of tenants, each with its reason.
enum TenantLimits {
    /// Each has metrics, an account and a place in every frontend's stream; a router gives 256 at a time shares of their own.
    static let tenants = 1_024
    /// Two are enough for a change of keys; machines of a tenant may have one each.
    static let keys = 64
    /// Of one tenant; a cluster serves few.
    static let models = 1_024
    /// A label of metrics, and a word in logs.
    static let nameBytes = 64
    /// All tenants with as many keys as a few of them have in truth.
    static let fileBytes = 8 << 20
    /// Weights as queues take them.
    static let weights = 0.001...1_000.0
    /// Tokens a minute, and in a burst: more than any cluster computes.
    static let tokens = 1...1_000_000_000_000
    static let running = 1...1_000_000
    static let priority = 0...Int(Int32.max)
    static let strictPriority = 0...Int(UInt32.max)

    /// Reserved for an answer whose length its client leaves open. Most are shorter; what comes of it is charged at its end.
    static let openAnswerTokens = 1_024
    /// A tenant that has used more than it may is shut out for so long at most, whatever other frontends say.
    static let longestDebt = Duration.seconds(600)
    /// Nobody knows when a place becomes free; answers last seconds.
    static let runningRetryMilliseconds: UInt32 = 1_000

    /// A changed file holds within this time; a look at its stamp costs a few microseconds on a pool thread.
    static let filePoll = Duration.seconds(2)
    /// So many looks in a row without a place in the pool are no burst any more: ten seconds in which no key can be taken back.
    static let missedLooks = 5
    /// All totals are said again this often, changed or not, so that a frontend that has just come knows where they stand.
    static let repeatedTotals = Duration.seconds(1)
    /// Frontends whose charges are followed; each costs a subscription. As many as a router serves.
    static let peers = 1_024
    /// Requests whose tenant is remembered, for questions about them. As many as a frontend runs by default; routers forget sooner.
    static let rememberedRequests = 16_384
}
