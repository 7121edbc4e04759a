package import EventLoop

/// The part of a proxy that lives on its thread.
@LoopActor
package final class ProxyCore {
    private let loop: Loop
    private let sockets: any SocketSystem
    private let host: String
    private var conditions = PathConditions()
    private var listeners: [any SocketListener] = []
    private var connections: [ProxiedConnection] = []
    private static let portTries = 32

    package init(on loop: Loop, _ sockets: any SocketSystem, host: String) {
        self.loop = loop
        self.sockets = sockets
        self.host = host
    }

    package var count: Int { connections.count }

    /// Forwards connections on a port that is free here and at the target.
    package func open() throws(SystemError) -> UInt16 {
        for _ in 1..<Self.portTries {
            let port = UInt16.random(in: FixedPorts.range, using: &loop.random)
            guard let probe = try? sockets.listen(host: FaultProxy.target, port: port, { _ in }) else { continue }
            probe.close()
            if let opened = try? open(port) { return opened }
        }
        return try open(.random(in: FixedPorts.range, using: &loop.random))
    }

    /// Forwards connections on that port to `target`: the same port, unless told. 0: one that the system chooses.
    @discardableResult
    package func open(_ port: UInt16, to targetPort: UInt16? = nil) throws(SystemError) -> UInt16 {
        let forward = Forward()
        let listener = try sockets.listen(host: host, port: port) { [weak self] socket in self?.accept(socket, to: forward.port) }
        forward.port = targetPort ?? listener.port
        listeners.append(listener)
        return listener.port
    }

    /// Known once somebody listens.
    @LoopActor
    private final class Forward { var port: UInt16 = 0 }

    private func accept(_ socket: any ByteSocket, to port: UInt16) {
        let connection = ProxiedConnection(socket, to: port, on: loop, sockets, { self.conditions }) { [weak self] ended in
            self?.connections.removeAll { $0 === ended }
        }
        connections.append(connection)
        connection.start()
    }

    package func set(_ conditions: PathConditions) {
        self.conditions = conditions
        for connection in connections { connection.conditionsChanged() }
    }

    package func reset() {
        for connection in connections { connection.reset() }
    }

    package func close() {
        for listener in listeners { listener.close() }
        reset()
    }
}
