import ClusterModel
import EventLoop

/// Whom a ZeroMQ connection tells.
@LoopActor
protocol ZMTPHandler: AnyObject, Sendable {
    func zmtpReady(_ connection: ZMTPConnection)
    func zmtpReceived(_ message: [[UInt8]], on connection: ZMTPConnection)
    /// Told once, last, and never within a call of its handler's; not after `close`.
    func zmtpEnded(_ error: ZMTPError, on connection: ZMTPConnection)
}

/// One connection to a ZeroMQ socket, as a subscriber or a dealer: it opens once, and when it has ended it is over.
@LoopActor
final class ZMTPConnection: ByteSocketOwner {
    private let loop: Loop
    private let sockets: any SocketSystem
    private let endpoint: ZMTPEndpoint
    private weak var handler: (any ZMTPHandler)?
    private var session: ZMTPSession
    private var socket: (any ByteSocket)?
    private var output: [UInt8] = []
    private var timer: TimerHandle?
    private var unanswered = 0
    private var isOver = false
    private(set) var isReady = false

    /// Reads in one turn of what arrives faster than it is used; others come in between.
    private static let readsPerTurn = 4
    private static let readBytes = 64 << 10
    /// What a peer's heartbeats may have us say, if it does not read: past it, it is no peer.
    private static let unsentBytes = 64 << 10

    init(_ role: ZMTPSession.Role, to endpoint: ZMTPEndpoint, loop: Loop, sockets: any SocketSystem, _ handler: any ZMTPHandler) {
        self.loop = loop
        self.sockets = sockets
        self.endpoint = endpoint
        self.handler = handler
        session = ZMTPSession(role)
    }

    /// While it is false the peer's messages wait on its side.
    var isReading = true {
        didSet { if oldValue != isReading { socket?.setReading(isReading) } }
    }

    func open() {
        sockets.connect(host: endpoint.host, port: endpoint.port, timeout: EngineEventLimits.connect) { [weak self] result in
            guard let self, !self.isOver else {
                if case .success(let late) = result { late.close() }
                return
            }
            switch result {
            case .failure(let error): self.end(.connecting(error))
            case .success(let socket):
                self.socket = socket
                socket.start(self)
                socket.setReading(self.isReading)
                self.timer = self.loop.schedule(after: EngineEventLimits.handshake) { [weak self] in self?.end(.timedOut("the opening")) }
                self.send(ZMTPSession.greeting)
            }
        }
    }

    func send(message frames: [[UInt8]]) {
        var bytes: [UInt8] = []
        ZMTPFrame.appendMessage(frames, to: &bytes)
        send(bytes)
    }

    func close() {
        isOver = true
        handler = nil
        loop.cancel(timer)
        timer = nil
        socket?.close()
        socket = nil
    }

    private func end(_ error: ZMTPError) {
        guard !isOver else { return }
        let told = handler
        close()
        told?.zmtpEnded(error, on: self)
    }

    // MARK: Bytes

    func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { write() }
        let isBroken = events.contains(.broken)
        guard !isOver, isBroken || isReading else { return }
        if isBroken || events.contains(.readable) || events.contains(.hangup) { read() }
        // Of what is broken nothing is told again.
        if isBroken { end(.ended) }
    }

    private func read() {
        for _ in 0..<Self.readsPerTurn {
            guard let socket, isReading else { return }
            var outcome = SocketRead.nothing, answer: [UInt8] = [], events: [ZMTPSession.Event] = []
            let failure: ZMTPError? = withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) { room in
                outcome = socket.receive(into: room)
                guard case .bytes(let count) = outcome else { return nil }
                do throws(ZMTPError) {
                    try session.received(UnsafeRawBufferPointer(rebasing: room[..<count]), output: &answer) { events.append($0) }
                    return nil
                } catch { return error }
            }
            send(answer)
            for event in events { tell(event) }
            if let failure { return end(failure) }
            switch outcome {
            case .bytes(let count): if count < Self.readBytes { return }
            case .nothing: return
            case .ended, .failed: return end(.ended)
            }
        }
    }

    private func tell(_ event: ZMTPSession.Event) {
        guard !isOver else { return }
        unanswered = 0
        switch event {
        case .ready:
            isReady = true
            loop.cancel(timer)
            timer = nil
            if session.speaksCommands { beat() }
            handler?.zmtpReady(self)
        case .message(let frames): handler?.zmtpReceived(frames, on: self)
        case .alive: break
        }
    }

    /// Asks the peer whether it lives, and counts: a process that did not run for a while has asked once in that time, and gives nobody up for it.
    private func beat() {
        timer = loop.schedule(after: EngineEventLimits.heartbeat) { [weak self] in
            guard let self else { return }
            guard self.unanswered < EngineEventLimits.unansweredHeartbeats else { return self.end(.silent) }
            // Answers are not read while nothing is.
            if self.isReading {
                self.unanswered += 1
                var bytes: [UInt8] = []
                let span = EngineEventLimits.heartbeat.inMilliseconds * Int64(EngineEventLimits.unansweredHeartbeats + 1)
                ZMTPSession.appendHeartbeat(deadlineTenths: UInt16(clamping: span / 100), to: &bytes)
                self.send(bytes)
            }
            if !self.isOver { self.beat() }
        }
    }

    private func send(_ bytes: [UInt8]) {
        guard !isOver, !bytes.isEmpty else { return }
        output.append(contentsOf: bytes)
        write()
    }

    private func write() {
        guard let socket, !output.isEmpty else { return }
        switch output.withUnsafeBytes({ socket.send($0) }) {
        case .taken(let count):
            output.removeFirst(count)
            socket.setWriting(!output.isEmpty)
            if output.count > Self.unsentBytes { endSoon(.malformed("heartbeats whose answers are not read")) }
        case .failed: endSoon(.ended)
        }
    }

    /// Never within a call of the handler's.
    private func endSoon(_ error: ZMTPError) {
        output.removeAll()
        socket?.setWriting(false)
        loop.schedule(after: .zero) { [weak self] in self?.end(error) }
    }
}
