package import EventLoop
package import Telemetry

/// What a remote engine is built from: the loop it lives on and its ways to the outside.
package struct EngineSurroundings: Sendable {
    package let loop: Loop
    package let sockets: any SocketSystem
    /// Work that would hold up the loop.
    package let pool: WorkPool
    package let log: Logger
    package let metrics: MetricsRegistry

    package init(loop: Loop, sockets: any SocketSystem, pool: WorkPool, log: Logger, metrics: MetricsRegistry) {
        self.loop = loop
        self.sockets = sockets
        self.pool = pool
        self.log = log
        self.metrics = metrics
    }
}
