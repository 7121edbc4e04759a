import EngineServing

/// Bounds of an engine in a process of its own, seen from its worker.
package struct HelperLimits: Sendable {
    /// How long it may say nothing while it has work: longer than any step of an engine that computes on a slow machine.
    package var patience = Duration.seconds(60)
    /// A new process loads the model again, and a large one takes half an hour.
    package var loading = Duration.seconds(1_800)
    /// Between a death and the next start: the first one, and the longest one of those that double.
    package var firstPause = Duration.milliseconds(100)
    package var longestPause = Duration.seconds(10)
    /// So many deaths within this span, and the engine is given up: a request that kills it each time has had all its attempts by then.
    package var deaths = 6
    package var span = Duration.seconds(600)
    /// A killed process that the kernel does not end: its device is stuck, and a second one would be as well.
    package var ending = Duration.seconds(60)

    package init() {}

    /// Said to it and not read by it while it takes nothing more. It reads between its steps; a frame of the longest kind fits twice.
    static let unsentBytes = 2 * EngineFrameLimits.frameBytes
    /// Steps that are read ahead of those who take them: more stays with the process, which then waits.
    static let aheadBytes = 1 << 20
    /// Reads of one turn.
    static let piecesPerTurn = 16
    /// Lines of its outputs in the log, each ten seconds.
    static let logLines = 50
    static let logMilliseconds: Int64 = 10_000
    static let logLineBytes = 512
}
