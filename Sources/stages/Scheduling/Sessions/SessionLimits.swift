/// Bounds of what a router keeps of sessions, and the reasons for them.
package struct SessionLimits: Hashable, Sendable {
    /// As many as one worker may hold open.
    package var bindingsOfWorker = 65_536
    /// Each costs some 300 bytes with its names; four times what one worker may hold.
    package var bindings = 256 << 10
    /// Placements on which a session is about to be bound: opening takes a round trip to the worker.
    package var tentative = 8_192
    /// As long as a lease waits for its worker's acceptance.
    package var opening = Duration.seconds(5)
    /// Sessions that lost their workers, until they are placed anew.
    package var lost = 65_536
    /// Longest time for which a loss is told: a client that comes back later finds a session that nobody knows.
    package var lossKept = Duration.seconds(3_600)

    package init() {}
}
