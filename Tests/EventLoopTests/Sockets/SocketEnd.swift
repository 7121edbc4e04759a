import EventLoop

/// One end of a connection, which notes all that it is told.
@LoopActor
final class SocketEnd: ByteSocketOwner {
    private(set) var socket: (any ByteSocket)?
    private(set) var error: SystemError?
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var failure: Int32?
    private(set) var hangups = 0
    private(set) var isBroken = false
    private(set) var writableTold = 0
    private var waiting: [UInt8] = []
    /// What a read takes at most.
    var readBytes = 4 << 10

    func connect(_ sockets: any SocketSystem, _ host: String, _ port: UInt16, timeout: Duration = .seconds(5)) {
        sockets.connect(host: host, port: port, timeout: timeout) { [weak self] result in
            switch result {
            case .success(let socket): self?.start(socket)
            case .failure(let error): self?.error = error
            }
        }
    }

    func start(_ socket: any ByteSocket) {
        self.socket = socket
        socket.start(self)
    }

    var unsent: Int { waiting.count }

    func send(_ bytes: [UInt8]) {
        waiting += bytes
        push()
    }

    private func push() {
        guard let socket, !waiting.isEmpty else { return }
        switch waiting.withUnsafeBytes({ socket.send($0) }) {
        case .taken(let count): waiting.removeFirst(count)
        case .failed(let code): failure = code
        }
        socket.setWriting(!waiting.isEmpty && failure == nil)
    }

    func read() {
        guard let socket else { return }
        var buffer = [UInt8](repeating: 0, count: readBytes)
        switch buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
        case .bytes(let count): received += buffer[..<count]
        case .nothing: break
        case .ended: hasEnded = true
        case .failed(let code): failure = code
        }
    }

    func socketReady(_ events: FileEvents) {
        if events.contains(.hangup) { hangups += 1 }
        if events.contains(.broken) { isBroken = true }
        if events.contains(.writable) {
            writableTold += 1
            push()
        }
        if events.contains(.readable) { read() }
    }

    func close() {
        socket?.close()
        socket = nil
    }
}
