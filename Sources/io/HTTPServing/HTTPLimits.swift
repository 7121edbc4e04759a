/// What one server spends on its clients, and how long it waits for them. Every number is a default that the process may change.
package struct HTTPLimits: Hashable, Sendable {
    // Of a request.

    /// Start line and fields; ours are below 2 KiB, and cookies of a shared domain have been seen at 16.
    package var headerBytes = 32 << 10
    package var headerCount = 128
    /// A path and its query. Browsers and proxies stop at this.
    package var targetBytes = 8 << 10
    /// A route may allow less. A prompt of a million tokens is 8 MiB; images in base64 fill the rest.
    package var bodyBytes = 32 << 20
    /// All bodies of all clients that are held at one time: more clients than memory is a state to refuse, not to die of.
    package var allBodiesBytes = 1 << 30

    // Of time. All are counted from a beginning and not from the last byte, since a client that trickles always has a last byte.

    /// From the first byte of a request to the end of its head; for a new connection from its acceptance.
    package var headerDeadline = Duration.seconds(10)
    /// From the end of the head to the end of the body.
    package var bodyDeadline = Duration.seconds(60)
    /// Between requests. Longer than the 60 s for which balancers keep a connection, so that they close first and never meet a closed one.
    package var idle = Duration.seconds(75)
    /// Bytes wait for the client and it takes none: nobody reads.
    package var writeStall = Duration.seconds(30)

    // Of a connection.

    package var connections = 16_384
    /// Beyond `connections`: so many are told so before they are closed; the rest are just closed.
    package var refusedConnections = 256
    /// Requests of one connection that are being served or wait their turn. More stay in the kernel.
    package var pipelined = 8
    /// From here a stream is called backed up: two hundred events, more than a second of the fastest engine.
    package var backedUpBytes = 64 << 10
    /// A client so far behind its stream is cut off.
    package var unsentBytes = 256 << 10
    /// After an answer that ends the connection: what is read and thrown away, so that a client that is still writing gets to read it.
    package var lingerBytes = 1 << 20
    package var linger = Duration.seconds(2)
    /// While draining, a connection between two requests is kept this long: a client in the middle of its work sends the next at once and learns
    /// from its answer that the connection ends.
    package var drainIdle = Duration.seconds(1)

    package init() {}
}
