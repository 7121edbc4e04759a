import ClusterModel
import EventLoop

/// One request and its answer on one connection.
@LoopActor
final class ClientExchange: ByteSocketOwner {
    private static let readBytes = 64 << 10

    private let loop: Loop
    private let conduct: ClientConduct
    private let began: Instant
    private var socket: (any ByteSocket)?
    private var unsent: ArraySlice<UInt8> = []
    private var response = ResponseReader()
    private var reply = ClientReply()
    private var done: (@LoopActor (ClientReply) -> Void)?
    private var bounds: [TimerHandle] = []
    private var pacer: TimerHandle?
    private var buffer: [UInt8]

    init(on loop: Loop, _ conduct: ClientConduct) {
        self.loop = loop
        self.conduct = conduct
        began = loop.now
        buffer = [UInt8](repeating: 0, count: min(Self.readBytes, conduct.readBytes ?? Self.readBytes))
    }

    func begin(_ request: [UInt8], _ done: @escaping @LoopActor (ClientReply) -> Void) {
        unsent = request[...]
        self.done = done
        bounds.append(loop.schedule(after: conduct.patience) { self.end(.hung) })
        if let span = conduct.leavesAfter { bounds.append(loop.schedule(after: span) { self.leave() }) }
    }

    func connected(_ result: Result<any ByteSocket, SystemError>) {
        switch result {
        case .failure(let error): end(.broken("connect: \(error)"))
        case .success(let socket):
            guard done != nil else { return socket.close() }
            self.socket = socket
            socket.start(self)
            if conduct.readBytes != nil { socket.setReading(false) }
            if conduct.writeBytes == nil { write() }
            if conduct.readBytes != nil || conduct.writeBytes != nil { pace() }
        }
    }

    /// A piece of each direction that is slow, again and again.
    private func pace() {
        pacer = loop.schedule(after: conduct.readInterval) { [self] in
            if conduct.writeBytes != nil { write() }
            if conduct.readBytes != nil { read() }
            if done != nil { pace() }
        }
    }

    func socketReady(_ events: FileEvents) {
        guard done != nil else { return }
        if events.contains(.writable) { write() }
        if events.contains(.readable) || events.contains(.hangup) && conduct.readBytes == nil { read() }
    }

    // MARK: Both directions

    private func write() {
        guard let socket, !unsent.isEmpty else { return }
        let piece = unsent.prefix(conduct.writeBytes ?? .max)
        switch piece.withUnsafeBytes({ socket.send($0) }) {
        case .taken(let count): unsent = unsent.dropFirst(count)
        // It may have answered before it refused the rest.
        case .failed: unsent = []
        }
        socket.setWriting(!unsent.isEmpty && conduct.writeBytes == nil)
    }

    private func read() {
        while let socket, done != nil {
            switch buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
            case .bytes(let count):
                response.take(buffer[..<count])
                digest()
            case .nothing: return
            case .ended:
                response.end()
                return digest()
            case .failed(let code):
                response.broke("broken")
                take()
                return end(response.isComplete ? .answered : .broken("\(SystemError("recv", code: code))"))
            }
            // A slow client reads a piece at a time.
            if conduct.readBytes != nil { return }
        }
    }

    private func digest() {
        take()
        if let limit = conduct.leavesAfterEvents, response.status != 0, reply.events.events.count >= limit { return leave() }
        if let failure = response.failure { return end(.malformed(failure)) }
        guard response.isComplete else { return }
        let isWhole = !reply.isStream || reply.events.isBetweenEvents
        end(isWhole ? .answered : .malformed("the stream ends inside an event"))
    }

    private func take() {
        reply.status = response.status
        reply.headers = response.headers
        reply.isStream = response["content-type"]?.hasPrefix("text/event-stream") ?? false
        guard reply.isStream else { return }
        reply.events.take(response.body)
        response.body.removeAll(keepingCapacity: true)
        let now = began.duration(to: loop.now)
        while reply.eventTimes.count < reply.events.events.count { reply.eventTimes.append(now) }
    }

    // MARK: The end

    private func leave() {
        if conduct.leavesAbruptly { socket?.reset() } else { socket?.close() }
        socket = nil
        end(.left)
    }

    private func end(_ ending: ClientReply.Ending) {
        guard let done else { return }
        self.done = nil
        for timer in bounds { loop.cancel(timer) }
        loop.cancel(pacer)
        socket?.close()
        socket = nil
        reply.ending = ending
        if !reply.isStream { reply.body = response.body }
        reply.took = began.duration(to: loop.now)
        done(reply)
    }
}
