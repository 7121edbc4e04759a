import EventLoop

/// Connections that take a server's descriptors and ask for nothing; what the server says to each.
@LoopActor
final class IdleConnections {
    private static let readBytes = 4_096

    private let loop: EpollLoop
    private let sockets: EpollSockets
    private var all: [One] = []

    init(on loop: EpollLoop, _ sockets: EpollSockets) {
        self.loop = loop
        self.sockets = sockets
    }

    /// Dials so many at once.
    func open(_ count: Int, at port: UInt16) {
        for _ in 0..<count {
            let one = One()
            all.append(one)
            sockets.connect(host: "127.0.0.1", port: port, timeout: TestClient.connectLimit) { one.connected($0) }
        }
    }

    /// That nobody has answered or ended.
    var standing: Int { all.count { $0.isOpen } }
    var dialling: Int { all.count { $0.isDialling } }
    /// That were told something, by status.
    var answers: [ResponseReader] { all.filter { $0.response.isComplete }.map(\.response) }
    /// That ended without an answer.
    var broken: Int { all.count { !$0.isDialling && !$0.isOpen && !$0.response.isComplete } }

    func close() {
        for one in all { one.close() }
    }

    @LoopActor
    private final class One: ByteSocketOwner {
        private(set) var response = ResponseReader()
        private(set) var isDialling = true
        private var socket: (any ByteSocket)?
        var isOpen: Bool { socket != nil }

        func connected(_ result: Result<any ByteSocket, SystemError>) {
            isDialling = false
            guard case .success(let socket) = result else { return }
            self.socket = socket
            socket.start(self)
        }

        func socketReady(_ events: FileEvents) {
            var bytes = [UInt8](repeating: 0, count: IdleConnections.readBytes)
            while let socket {
                switch bytes.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
                case .nothing: return
                case .bytes(let count):
                    response.take(bytes[..<count])
                    // Who is turned away leaves.
                    if response.isComplete || response.failure != nil { close() }
                case .ended, .failed:
                    response.end()
                    close()
                }
            }
        }

        func close() {
            socket?.close()
            socket = nil
        }
    }
}
