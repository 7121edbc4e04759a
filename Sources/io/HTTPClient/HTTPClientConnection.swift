package import ClusterModel
package import EventLoop

/// What hears of one answer as it arrives.
@LoopActor
package protocol HTTPClientHandler: AnyObject, Sendable {
    func answerBegan(_ head: HTTPClientHead)
    /// A part of the body, of any size; valid during the call.
    func answerReceived(_ part: UnsafeRawBufferPointer)
    /// Told once, last. nil: the answer is whole.
    func answerEnded(_ error: HTTPClientError?)
}

/// One connection to a server: one request at a time, kept between them where the server allows it.
///
/// It connects when it is first used, and again after the server has closed it. It repeats nothing by itself.
@LoopActor
package final class HTTPClientConnection: ByteSocketOwner {
    package let loop: Loop
    package let host: String
    package let port: UInt16
    private let sockets: any SocketSystem
    private let limits: HTTPClientLimits

    private var socket: (any ByteSocket)?
    private var attempt = 0
    private var isUsed = false
    private var output: [UInt8] = []
    private var sent = 0
    private var parser: ResponseParser?
    private var handler: (any HTTPClientHandler)?
    private var timer: TimerHandle?
    /// Made once: a closure for each request would be one allocation more.
    private var whenDue: (@LoopActor () -> Void)?
    private let scratch: ReadScratch

    /// A request of a usual size is written where the last one was. What a large one took is given back.
    private static let keptBytes = 16 << 10

    /// - Parameter scratch: what is read passes through it; one for all connections of a loop, where there are many.
    package init(
        on loop: Loop, sockets: any SocketSystem, host: String, port: UInt16, limits: HTTPClientLimits = HTTPClientLimits(),
        scratch: ReadScratch = ReadScratch()
    ) {
        self.scratch = scratch
        self.loop = loop
        self.sockets = sockets
        self.host = host
        self.port = port
        self.limits = limits
    }

    package var isConnected: Bool { socket != nil }
    package var isBusy: Bool { handler != nil }

    /// A client that does not read makes its server wait.
    package var isReading = true {
        didSet { socket?.setReading(isReading) }
    }

    // MARK: Asking

    /// Sends a request, and tells `handler` of its answer. Not while another is under way.
    package func start(_ request: HTTPClientRequest, until deadline: Instant, _ handler: any HTTPClientHandler) {
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        guard let bytes = request.encoded(host: port == 80 ? name : "\(name):\(port)") else {
            begin(until: deadline, handler)
            // Never within the call that began it.
            loop.cancel(timer)
            timer = loop.schedule(after: .zero) { [weak self] in self?.fail(.unsendable) }
            return
        }
        start(answersHead: request.method == "HEAD", until: deadline, handler) { $0 = bytes }
    }

    /// Sends a request that `write` appends, head and body, to memory of this connection: for those who send very many, and know what they
    /// write. Nothing of it is checked.
    package func start(
        answersHead: Bool = false, until deadline: Instant, _ handler: any HTTPClientHandler, write: (inout [UInt8]) -> Void
    ) {
        begin(until: deadline, handler)
        write(&output)
        parser = ResponseParser(limits, answersHead: answersHead)
        if socket != nil { send() } else { connect() }
    }

    private func begin(until deadline: Instant, _ handler: any HTTPClientHandler) {
        precondition(self.handler == nil, "a connection carries one request at a time")
        self.handler = handler
        let whenDue =
            self.whenDue ?? { [weak self] in
                self?.timer = nil
                self?.fail(.timedOut)
            }
        self.whenDue = whenDue
        timer = loop.schedule(at: deadline, whenDue)
    }

    /// The whole answer.
    package func fetch(_ request: HTTPClientRequest, until deadline: Instant) async throws(HTTPClientError) -> HTTPClientResponse {
        var body: [UInt8] = []
        let limit = limits.bodyBytes
        var isTooLarge = false
        let head = try await stream(request, until: deadline) { part in
            if body.count + part.count <= limit { body.append(contentsOf: part) } else { isTooLarge = true }
            if isTooLarge { self.close(.tooLarge) }
        }
        return HTTPClientResponse(head: head, body: body)
    }

    /// The head of an answer whose body goes to `receive` in parts; returns when it is whole.
    package func stream(
        _ request: HTTPClientRequest, until deadline: Instant, began: @escaping @LoopActor (HTTPClientHead) -> Void = { _ in },
        receive: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) async throws(HTTPClientError) -> HTTPClientHead {
        let waiting = WaitingHandler(began: began, receive: receive)
        start(request, until: deadline, waiting)
        return try await waiting.wait()
    }

    /// Ends the connection, and what is under way.
    package func close() { close(.closed) }

    private func close(_ error: HTTPClientError) {
        dropSocket()
        fail(error)
    }

    // MARK: Connecting

    private func connect() {
        attempt += 1
        let number = attempt
        sockets.connect(host: host, port: port, timeout: limits.connect) { [weak self] result in
            guard let self, self.attempt == number, self.handler != nil, self.socket == nil else {
                if case .success(let late) = result { late.close() }
                return
            }
            switch result {
            case .failure(let error): self.fail(.connecting(error))
            case .success(let socket):
                self.socket = socket
                self.isUsed = false
                socket.start(self)
                socket.setReading(self.isReading)
                self.send()
            }
        }
    }

    // MARK: Events

    package func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { send() }
        // What arrived before the end is still to be read.
        if events.contains(.readable) || events.contains(.broken) { read(untilNothing: events.contains(.broken)) }
        if events.contains(.broken) { ended() }
    }

    private func send() {
        guard let socket, sent < output.count else { return }
        switch output.withUnsafeBytes({ socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }) {
        case .taken(let count):
            sent += count
            socket.setWriting(sent < output.count)
            if sent == output.count { dropOutput() }
        case .failed:
            // The server wants no more of it; its answer may be on its way all the same.
            dropOutput()
            socket.setWriting(false)
        }
    }

    private func read(untilNothing: Bool) {
        repeat {
            guard let socket else { return }
            switch socket.receive(into: scratch.memory) {
            case .nothing: return
            case .ended, .failed: return ended()
            // Handlers may begin another request, or close; none of it reads.
            case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: scratch.memory[..<count]))
            }
        } while untilNothing
    }

    private func take(_ input: UnsafeRawBufferPointer) {
        guard handler != nil else { return dropSocket() }  // bytes that nobody asked for
        var cursor = 0
        let number = attempt
        do throws(HTTPClientError) {
            // A handler may close, and even begin the next request: these bytes are not its answer.
            while attempt == number, let handler {
                guard let event = try parser?.next(input, from: &cursor) else { return }
                switch event {
                case .needsMore: return
                case .head(let head): handler.answerBegan(head)
                case .part(let place): handler.answerReceived(UnsafeRawBufferPointer(rebasing: input[place]))
                case .complete:
                    isUsed = true
                    let keeps = parser?.keepsConnection ?? false
                    if !keeps || cursor < input.count || !output.isEmpty { dropSocket() }
                    return finish(nil)
                }
            }
        } catch {
            dropSocket()
            finish(error)
        }
    }

    private func ended() {
        guard socket != nil else { return }
        dropSocket()
        guard handler != nil else { return }
        if parser?.endsWithConnection ?? false { return finish(nil) }
        finish(parser?.hasBegun ?? false ? .cutShort : .closedBeforeAnswer(wasUsedBefore: isUsed))
    }

    // MARK: Ending

    private func fail(_ error: HTTPClientError) {
        guard handler != nil else { return }
        dropSocket()
        finish(error)
    }

    private func finish(_ error: HTTPClientError?) {
        attempt += 1
        loop.cancel(timer)
        timer = nil
        parser = nil
        dropOutput()
        let told = handler
        handler = nil
        told?.answerEnded(error)
    }

    private func dropOutput() {
        if output.capacity > Self.keptBytes { output = [] } else { output.removeAll(keepingCapacity: true) }
        sent = 0
    }

    private func dropSocket() {
        socket?.close()
        socket = nil
    }
}

/// Memory through which the connections of one loop read, one at a time: none of it is kept from one reading to the next.
package final class ReadScratch {
    let memory: UnsafeMutableRawBufferPointer

    /// 16 KiB hold most answers, and some hundred events of a stream.
    package init(bytes: Int = 16 << 10) { memory = .allocate(byteCount: bytes, alignment: 16) }
    deinit { memory.deallocate() }
}

/// A task that waits for the end of an answer.
@LoopActor
private final class WaitingHandler: HTTPClientHandler {
    private let began: @LoopActor (HTTPClientHead) -> Void
    private let receive: @LoopActor (UnsafeRawBufferPointer) -> Void
    private var head: HTTPClientHead?
    private var result: Result<HTTPClientHead, HTTPClientError>?
    private var waiter: UnsafeContinuation<Void, Never>?

    init(began: @escaping @LoopActor (HTTPClientHead) -> Void, receive: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void) {
        self.began = began
        self.receive = receive
    }

    func answerBegan(_ head: HTTPClientHead) {
        self.head = head
        began(head)
    }

    func answerReceived(_ part: UnsafeRawBufferPointer) { receive(part) }

    func answerEnded(_ error: HTTPClientError?) {
        if let error { result = .failure(error) } else { result = head.map { .success($0) } ?? .failure(.cutShort) }
        waiter?.resume()
        waiter = nil
    }

    func wait() async throws(HTTPClientError) -> HTTPClientHead {
        if result == nil { await withUnsafeContinuation { waiter = $0 } }
        guard let result else { preconditionFailure("resumed when there is a result") }
        return try result.get()
    }
}
