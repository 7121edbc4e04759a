package import ClusterModel
package import EventLoop

/// An HTTP/1.1 server on a loop: sockets below, an application above.
///
/// It lives as long as it listens. It trusts no client: framing has one reading or none, every wait has a deadline that trickling does not move, every buffer a bound.
@LoopActor
package final class HTTPServer {
    package let limits: HTTPLimits
    @exclusivity(unchecked) package internal(set) var counters = HTTPCounters()
    let loop: Loop
    let application: any HTTPApplication
    private let sockets: any SocketSystem
    private var listeners: [any SocketListener] = []
    @exclusivity(unchecked) private var connections: [HTTPConnection] = []
    private(set) var isDraining = false
    private var drained: [Promise<Bool>] = []

    /// Of all connections: one that has nothing to keep holds no bytes. It takes the whole of most requests, and a large body in a few reads.
    private let readBuffer = ReadBuffer(bytes: 64 << 10)
    var scratch: UnsafeMutableRawBufferPointer { readBuffer.memory }
    @exclusivity(unchecked) var buffers = BufferPool()
    @exclusivity(unchecked) var spares = SpareExchanges()
    @exclusivity(unchecked) var heldBodyBytes = 0
    @exclusivity(unchecked) private var responseStart = ResponseStart()

    package init(on loop: Loop, sockets: any SocketSystem, limits: HTTPLimits = HTTPLimits(), application: any HTTPApplication) {
        self.loop = loop
        self.sockets = sockets
        self.limits = limits
        self.application = application
    }

    /// Listens on a numeric address or `localhost`; may be called for several. Gives the port, which the system chooses for 0. What lies between
    /// a client's socket and HTTP, encryption, comes in as `layer`.
    @discardableResult
    package func listen(
        host: String, port: UInt16, options: ListenOptions = ListenOptions(),
        through layer: (@LoopActor (any ByteSocket) -> any ByteSocket)? = nil
    ) throws(SystemError) -> UInt16 {
        let listener = try sockets.listen(host: host, port: port, options: options) { socket in
            self.accept(layer.map { $0(socket) } ?? socket)
        }
        listeners.append(listener)
        return listener.port
    }

    package var openConnections: Int { connections.count }
    /// Answers that clients have not taken yet, over all connections, and the most of one.
    package var unsent: (total: Int, most: Int) {
        connections.reduce(into: (0, 0)) { sum, connection in
            sum.0 += connection.unsent
            sum.1 = max(sum.1, connection.unsent)
        }
    }
    /// Bytes of request bodies that are held now.
    package var bodyBytes: Int { heldBodyBytes }
    /// How often clients had to wait because the process was out of descriptors.
    package var acceptPauses: Int { listeners.reduce(0) { $0 + $1.pauses } }

    /// Accepts nobody any more, ends connections as their requests end, and waits for that. False when some were left at the deadline.
    package func drain(until deadline: Instant) async -> Bool {
        isDraining = true
        for listener in listeners { listener.close() }
        for connection in connections { connection.drain() }
        if connections.isEmpty { return true }
        let promise = Promise<Bool>(on: loop)
        drained.append(promise)
        return await promise.wait(until: deadline) ?? false
    }

    /// Ends everything at once; what is being served is told that its client is gone.
    package func close() {
        isDraining = true
        for listener in listeners { listener.close() }
        for connection in connections.reversed() { connection.close() }
    }

    // MARK: For connections

    private func accept(_ socket: any ByteSocket) {
        counters.connections += 1
        let excess = connections.count - limits.connections
        guard excess < limits.refusedConnections else {
            counters.refusals[.connections, default: 0] += 1
            return socket.close()
        }
        let connection = HTTPConnection(socket, server: self)
        connection.place = connections.count
        connections.append(connection)
        if excess >= 0 {
            connection.start(refusing: .connections)
        } else if socket.usesReserve {
            connection.start(refusing: .descriptors)
        } else {
            connection.start()
        }
    }

    func closed(_ connection: HTTPConnection) {
        let place = connection.place
        guard place >= 0 else { return }
        connection.place = -1
        let last = connections.removeLast()
        if last !== connection {
            last.place = place
            connections[place] = last
        }
        guard connections.isEmpty else { return }
        for promise in drained { promise.fulfil(true) }
        drained = []
    }

    func appendStart(of status: HTTPStatus, to out: inout [UInt8]) {
        responseStart.append(status, milliseconds: loop.wallClockMilliseconds, to: &out)
    }

    func response(to refusal: HTTPRefusal) -> HTTPResponse {
        var response = HTTPResponse.json(refusal.status, application.errorBody(refusal.status, refusal.reason))
        if refusal.status == .serviceUnavailable { response.headers.append(Self.retryAfter) }
        return response
    }

    private static let retryAfter = HTTPField("Retry-After", "1")
}

private final class ReadBuffer {
    let memory: UnsafeMutableRawBufferPointer
    init(bytes: Int) { memory = .allocate(byteCount: bytes, alignment: 16) }
    deinit { memory.deallocate() }
}

/// What a server has done, for metrics. All but the first count upwards.
package struct HTTPCounters: Sendable {
    package internal(set) var connections = 0
    package internal(set) var requests = 0
    package internal(set) var bytesReceived = 0
    package internal(set) var bytesSent = 0
    /// Requests whose clients left, or were cut off, before their answer had ended.
    package internal(set) var departures = 0
    /// Of those: cut off because too much waited for them.
    package internal(set) var slowReaders = 0
    /// Of those: cut off because they took nothing for too long.
    package internal(set) var stalls = 0
    var refusals: [HTTPRefusalKind: Int] = [:]

    package func refusals(of kind: HTTPRefusalKind) -> Int { refusals[kind] ?? 0 }
}
