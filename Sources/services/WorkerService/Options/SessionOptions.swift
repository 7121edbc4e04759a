import ClusterModel
import ServiceRuntime

/// The options of a worker's sessions.
struct SessionOptions: Sendable {
    private let sessions: OptionKey<Int>
    private let timeToLive: OptionKey<Duration>

    init(in table: inout OptionTable) {
        let limits = SessionLimits()
        table.group("Sessions")
        sessions = table.option(
            "session-limit", .integer(0...WorkerLimits.sessions), default: limits.sessions,
            help: "Sessions that may be open; opening one more is refused.")
        timeToLive = table.option(
            "session-ttl", .duration(.seconds(1)...WorkerLimits.longestSessionTimeToLive), default: limits.timeToLive,
            help: "How long a session lives without a request, where its opening does not say.")
    }

    func apply(_ resolved: ResolvedConfiguration, to config: inout WorkerConfig) {
        config.sessions = SessionLimits(sessions: resolved[sessions], timeToLive: resolved[timeToLive])
    }
}
