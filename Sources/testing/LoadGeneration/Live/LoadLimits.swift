/// What a live load may use of its host, and how it is judged by itself.
package enum LoadLimits {
    /// Requests under way. One address has some 28,000 ports for one server.
    package static let mostConnections = 28_000
    /// Before their answers are looked at again: a burst must not hold up what has arrived.
    static let sendsPerTurn = 64
    /// A send this much behind its moment is counted as late.
    package static let late = Duration.milliseconds(10)
    /// Through which all connections of a run read.
    static let readBytes = 64 << 10
    /// A request that met the end of a connection at rest is asked again on a new one; a second time that is no coincidence.
    static let repeats = 1
}
