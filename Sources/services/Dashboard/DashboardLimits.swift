/// Bounds of the dashboard, each with its reason. Who watches costs the frontend something, and must not cost it more than this.
package enum DashboardLimits {
    /// Pages that are fed at once: an operator or two, each with a few tabs. One more is told so with 503.
    package static let watchers = 8
    /// Between two looks at what changed: faster than this nobody reads, and half of it looks like a hang.
    package static let tick = Duration.milliseconds(250)
    /// What is sent to one page a tick: a whole cluster of two hundred workers comes within a second, and slow links are not filled up.
    package static let bytesPerTick = 128 << 10
    /// A page that has so many bytes outstanding gets nothing more until it has taken them; then it gets what is newest.
    package static let unsentBytes = 64 << 10
    /// Rows of one table that are written anew in a tick, in turn: a millisecond or two of the loop that also serves requests.
    package static let rowsPerTick = 128
    /// Ranks of all workers: a page with more of them is of no use, and the metrics have them all.
    package static let ranks = 4_096
    /// Queues, tenants and frontends each.
    package static let rows = 512
    /// Removed rows that are remembered for pages that lag: a page that lags more is told everything anew.
    package static let removals = 1_024
    /// Seconds in the charts.
    package static let points = 300
    /// Without a page for so long nothing is followed any more: a page that is loaded anew finds its past.
    package static let linger = Duration.seconds(60)
    /// Requests that are put together at once, some 20 MB; more are counted, and not shown.
    package static let openRequests = 16_384
    /// Requests that ended: the last ones, and of those that failed or were tried again as many more.
    package static let endedRequests = 2_048
    /// Of this frontend's own requests, kept also while nobody looks: half a megabyte.
    package static let ownRequests = 2_048
    /// Rows of one answer to a search.
    package static let foundRequests = 200
    /// Routers are asked about so many attempts of a request; no request is tried more often.
    package static let explainedAttempts = 4
    /// A router has its decisions in memory.
    package static let explainLimit = Duration.seconds(2)
    /// Warnings that are shown: somebody who has more does not read them one by one.
    package static let warnings = 64
    /// What a peer says of itself is cut to this in warnings.
    package static let detailCharacters = 240
    /// What was said longer ago is marked as old. Routers say loads four times a second, and beats come as often.
    package static let staleAfter = Duration.seconds(5)
}
