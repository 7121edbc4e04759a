import ClusterModel
import EventLoop

/// A client that sends bytes as it is told, and keeps what it gets.
@LoopActor
final class RawClient: ByteSocketOwner {
    enum End: Equatable { case finished, broken, refused }

    private let loop: Loop
    private var socket: (any ByteSocket)?
    private var waiting: [UInt8] = []
    private var isReading: Bool
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private(set) var received: [UInt8] = []
    private(set) var end: End?
    private(set) var endedAt: Instant?

    init(on loop: Loop, isReading: Bool = true) {
        self.loop = loop
        self.isReading = isReading
    }

    func connect(_ sockets: any SocketSystem, _ host: String, _ port: UInt16) {
        sockets.connect(host: host, port: port, timeout: .seconds(5)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure: self.ended(.refused)
            case .success(let socket):
                self.socket = socket
                socket.start(self)
                socket.setReading(self.isReading)
                self.push()
            }
        }
    }

    var text: String { String(decoding: received, as: UTF8.self) }
    var isConnected: Bool { socket != nil }
    /// Given to `send` and not taken.
    var unsent: Int { waiting.count }

    func send(_ bytes: [UInt8]) {
        waiting.append(contentsOf: bytes)
        push()
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        socket?.setReading(reading)
    }

    /// Reads at most so many bytes, once: a reader that is slow on purpose.
    func read(_ count: Int) {
        guard let socket else { return }
        var buffer = [UInt8](repeating: 0, count: count)
        if case .bytes(let got) = buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
            received.append(contentsOf: buffer[..<got])
        }
    }

    func finishSending() { socket?.finishSending() }

    func close() {
        socket?.close()
        socket = nil
    }

    func reset() {
        socket?.reset()
        socket = nil
    }

    func socketReady(_ events: FileEvents) {
        if events.contains(.broken) { return ended(.broken) }
        if events.contains(.writable) { push() }
        if events.contains(.readable) { read() }
    }

    private func push() {
        guard let socket, !waiting.isEmpty else { return }
        switch waiting.withUnsafeBytes({ socket.send($0) }) {
        case .taken(let count):
            waiting.removeFirst(count)
            socket.setWriting(!waiting.isEmpty)
        case .failed: waiting = []
        }
    }

    private func read() {
        guard let socket else { return }
        switch scratch.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
        case .nothing: break
        case .bytes(let count): received.append(contentsOf: scratch[..<count])
        case .ended: ended(.finished)
        case .failed: ended(.broken)
        }
    }

    private func ended(_ how: End) {
        guard end == nil else { return }
        end = how
        endedAt = loop.now
        close()
    }
}
