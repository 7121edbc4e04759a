/// What an operator should know without having asked. Those with an alert bear its name, and `deploy/guides/alerts.md` says what to do; for the others
/// `deploy/guides/dashboard.md` does.
struct Warning: Hashable {
    enum Name: String, CaseIterable {
        case noRouter = "ApusNoRouter"
        case noReadyWorker = "ApusNoReadyWorker"
        case requestsFail = "ApusRequestsFail"
        case requestsTurnedAway = "ApusRequestsTurnedAway"
        case firstTokenLate = "ApusFirstTokenLate"
        case tokensLate = "ApusTokensLate"
        case queueWaits = "ApusQueueWaits"
        case workersLost = "ApusWorkersLost"
        case cacheNotBelieved = "ApusCacheNotBelieved"
        case streamNotRecovered = "ApusStreamNotRecovered"
        case splitModel = "ApusSplitModel"
        case workerFull = "ApusWorkerFull"
        case certificateEnds = "ApusCertificateEnds"
        case certificateEnded = "ApusCertificateEnded"
        case certificateRefused = "ApusCertificateRefused"
        case routerStale = "RouterStale"
        case workerSuspected = "WorkerSuspected"
        case workerBarred = "WorkerBarred"
        case workerNotFollowed = "WorkerNotFollowed"
        case frontendStopped = "FrontendStopped"
        case eventGaps = "EventGaps"
        case requestsNotShown = "RequestsNotShown"
        case rowsNotShown = "RowsNotShown"

        var isUrgent: Bool {
            switch self {
            case .noRouter, .noReadyWorker, .requestsFail, .requestsTurnedAway, .firstTokenLate, .certificateEnded: true
            default: false
            }
        }
    }

    let name: Name
    /// Whom it is about; empty: the cluster.
    let subject: String
    let detail: String

    /// - Parameter detail: a peer's own words may be in it: it is cut, and pages show it as text.
    init(_ name: Name, _ subject: String = "", _ detail: String) {
        self.name = name
        self.subject = subject
        self.detail = String(detail.prefix(DashboardLimits.detailCharacters))
    }

    var key: String { "\(name.rawValue) \(subject)" }
}
