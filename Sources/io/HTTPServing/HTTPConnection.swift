import ClusterModel
import EventLoop

/// One client's connection: reads its requests, and sends their answers in order.
///
/// The end that a client sends after its request counts as its departure: what was answered by then still leaves, what is being served is
/// told that nobody waits for it. (Clients that half-close and go on reading are few, and cannot be told from those that left.)
@LoopActor
final class HTTPConnection: ByteSocketOwner, EndOfTurn {
    let loop: Loop
    let limits: HTTPLimits
    let server: HTTPServer
    private let socket: any ByteSocket
    var peer: String { socket.peer }
    /// Where the server keeps this connection.
    var place = -1

    // Reading.
    @exclusivity(unchecked) private var parser: RequestParser
    /// Arrived, and not to be read before some of the exchanges have ended.
    @exclusivity(unchecked) private var backlog: [UInt8] = []
    private var firstByteAt: Instant
    /// Of the request that is being read, whose memory it brought; until its head is there.
    @exclusivity(unchecked) private var spare: HTTPExchange?
    /// The exchange whose body is being read.
    @exclusivity(unchecked) private var receiving: HTTPExchange?
    /// No further request is read.
    private var isStopped = false
    /// Bytes of the client were not used, so that closing at once would destroy our answer on its way.
    private var isDirty = false
    private var hasHungUp = false

    // Answering.
    /// In the order of their requests. The first one writes to `output`, the others to themselves.
    @exclusivity(unchecked) private var exchanges = ExchangeQueue()
    @exclusivity(unchecked) private var output = OutputBuffer()
    /// What the others hold, for as long as they are in the list.
    @exclusivity(unchecked) private var heldBytes = 0
    @exclusivity(unchecked) private var kernelIsFull = false
    @exclusivity(unchecked) private var isFlushWanted = false
    private var isCut = false
    private var endsByReset = false

    // Time.
    private enum Linger { case no, since(Instant, bytes: Int) }
    private var linger = Linger.no
    private var isOpen = true
    private var isFirstRequest = true
    /// When the present phase of reading began: being idle, reading a head, reading a body.
    private var phaseStart: Instant
    private var lastProgress: Instant
    private var timer: TimerHandle?
    private var timerDeadline = Instant.zero
    /// Made once. It holds the connection until that leaves: a weak reference would make every retain of it slow.
    private var whenDue: (@LoopActor () -> Void)?

    init(_ socket: any ByteSocket, server: HTTPServer) {
        self.socket = socket
        self.server = server
        loop = server.loop
        limits = server.limits
        parser = RequestParser(server.limits)
        phaseStart = loop.now
        firstByteAt = phaseStart
        lastProgress = phaseStart
    }

    func start() {
        begin()
        updateTimer()
    }

    /// One too many: it is told so, without being read.
    func start(refusing refusal: HTTPRefusal) {
        begin()
        refuse(refusal)
    }

    private func begin() {
        whenDue = { self.checkDeadlines() }
        socket.start(self)
    }

    // MARK: Events

    func socketReady(_ events: FileEvents) {
        guard isOpen else { return }
        if events.contains(.broken) { return reset() }
        if events.contains(.writable) {
            kernelIsFull = false
            flushSoon()
        }
        if events.contains(.readable) { read() }
        guard isOpen, events.contains(.hangup) else { return }
        hasHungUp = true
        if case .since = linger { return close() }
        // A request that is still under way may be complete before its end.
        let isServing = exchanges.contains(where: { !$0.hasEnded && $0 !== receiving })
        if isServing || !mayReadOn || !backlog.isEmpty { depart() }
    }

    private func read() {
        let scratch = server.scratch
        switch socket.receive(into: scratch) {
        case .nothing: return
        case .failed: return reset()
        case .ended:
            hasHungUp = true
            if case .since = linger { return close() }
            depart()
        case .bytes(let count):
            server.counters.bytesReceived += count
            if case .since(let start, let bytes) = linger {
                linger = .since(start, bytes: bytes + count)
            } else {
                take(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            }
        }
        flushSoon()
    }

    /// Nobody waits for what is being served.
    private func depart() {
        stopReading()
        loseAll()
        flushSoon()
    }

    // MARK: Requests

    private var mayReadOn: Bool {
        !isStopped && (!parser.isBetweenRequests || (exchanges.count < limits.pipelined && output.unsent < limits.backedUpBytes))
    }

    private func take(_ input: UnsafeRawBufferPointer) {
        guard backlog.isEmpty else { return backlog.append(contentsOf: input) }
        let used = process(input)
        if used < input.count { keep(UnsafeRawBufferPointer(rebasing: input[used...])) }
    }

    private var takesBacklog: Bool { !backlog.isEmpty && mayReadOn }

    private func takeBacklog() {
        var input: [UInt8] = []
        swap(&input, &backlog)
        input.withUnsafeBytes { bytes in
            let used = process(bytes)
            if used < bytes.count { keep(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
        }
    }

    private func keep(_ rest: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        if isStopped { isDirty = true } else { backlog = Array(rest) }
    }

    /// Gives how many bytes were used.
    private func process(_ input: UnsafeRawBufferPointer) -> Int {
        var cursor = 0
        while isOpen, mayReadOn {
            if parser.isBetweenRequests {
                guard cursor < input.count else { return cursor }
                beginReading()
            }
            do throws(HTTPRefusal) {
                switch try parser.next(input, from: &cursor) {
                case .needsMore:
                    try countBody()
                    return cursor
                case .head(let head): try begin(head, bodyIsHere: cursor < input.count)
                case .complete: complete()
                }
            } catch { refuse(error) }
        }
        return cursor
    }

    /// The first byte of a request is there.
    private func beginReading() {
        firstByteAt = loop.now
        if !isFirstRequest { phaseStart = firstByteAt }
        guard spare == nil, let taken = server.spares.take() else { return }
        spare = taken
        if let (head, body) = taken.giveStorage() { parser.reuse(head, body: body) }
    }

    private func begin(_ head: RequestHead, bodyIsHere: Bool) throws(HTTPRefusal) {
        isFirstRequest = false
        phaseStart = loop.now
        server.counters.requests += 1
        let exchange = addExchange(for: head)
        if head.closes { exchange.end(connection: true) }
        receiving = exchange
        switch server.application.admits(exchange.request) {
        case .read(let maximum, let tag):
            exchange.tag = tag
            try parser.readBody(upTo: min(maximum, limits.bodyBytes), keeping: true)
            if head.expectsContinue, head.framing != .none, !bodyIsHere {
                exchange.owesContinuation = true
                continueIfDue()
            }
        case .refuse(let response):
            let isSmall = if case .length(let length) = head.framing { length <= limits.lingerBytes } else { true }
            if isSmall, head.framing == .none || !head.expectsContinue {
                try parser.readBody(upTo: limits.lingerBytes, keeping: false)
            } else {
                // Whether the client sends the body after this is unknown, so nothing behind it can be read.
                exchange.end(connection: true)
            }
            exchange.respond(response)
        }
    }

    private func addExchange(for head: RequestHead) -> HTTPExchange {
        let exchange = spare.take() ?? HTTPExchange()
        let request = HTTPRequest(head, receivedAt: firstByteAt, remoteIsLoopback: socket.peerIsLoopback)
        exchange.begin(request, on: self, isFirst: exchanges.isEmpty)
        exchanges.append(exchange)
        return exchange
    }

    private func complete() {
        guard let exchange = receiving.take() else { preconditionFailure("a request that is complete has begun") }
        if exchange.endsConnection { isStopped = true }
        // Of a request that was answered before it was read, too: a connection at rest keeps no memory of a body.
        let body = parser.takeBody()
        guard !exchange.hasBegun else { return becomeIdle() }
        exchange.countBody(body.count)
        exchange.received(body: body)
        server.application.serve(exchange)
    }

    private func countBody() throws(HTTPRefusal) {
        guard let receiving, parser.isInBody else { return }
        receiving.countBody(parser.body.count)
        guard server.heldBodyBytes <= limits.allBodiesBytes else { throw .memory }
    }

    /// Answers by itself, after what is before it, and reads no more.
    private func refuse(_ refusal: HTTPRefusal) {
        server.counters.refusals[refusal.kind, default: 0] += 1
        let exchange: HTTPExchange
        if let receiving {
            exchange = receiving
        } else {
            exchange = addExchange(for: RequestHead.unreadable(parser.isReadingHead ? .head : nil))
        }
        stopReading()
        isDirty = true
        exchange.end(connection: true)
        exchange.respond(server.response(to: refusal))
        flushSoon()
    }

    private func stopReading() {
        isStopped = true
        if !backlog.isEmpty || receiving != nil { isDirty = true }
        receiving = nil
        backlog = []
        parser.stop()
    }

    private func continueIfDue() {
        guard let first = exchanges.first, first.owesContinuation, !first.hasBegun else { return }
        first.owesContinuation = false
        var out = takeOutput(of: first)
        ResponseWriter.appendContinuation(to: &out)
        giveOutput(&out, of: first)
        flushSoon()
    }

    // MARK: For exchanges

    /// The answer to this exchange ends the connection.
    func isLast(_ exchange: HTTPExchange) -> Bool {
        guard exchanges.last === exchange, receiving == nil || receiving === exchange else { return false }
        if isStopped { return true }
        return server.isDraining && backlog.isEmpty && parser.isBetweenRequests
    }

    func takeOutput(of exchange: HTTPExchange) -> [UInt8] {
        var taken: [UInt8] = []
        if exchange.isFirst {
            swap(&taken, &output.bytes)
        } else {
            swap(&taken, &exchange.held)
            heldBytes -= taken.count
        }
        if taken.capacity == 0 { taken = server.buffers.take() }
        return taken
    }

    func giveOutput(_ bytes: inout [UInt8], of exchange: HTTPExchange) {
        guard !exchange.isFirst else { return swap(&bytes, &output.bytes) }
        heldBytes += bytes.count
        swap(&bytes, &exchange.held)
    }

    func unsentBytes(of exchange: HTTPExchange) -> Int { exchange.isFirst ? output.unsent : exchange.held.count }

    /// A stream has grown.
    func appended(_ exchange: HTTPExchange) {
        flushSoon()
        let most = limits.unsentBytes + exchange.bulkBytes
        guard unsent > most else { return }
        send()
        guard isOpen, unsent > most else { return }
        server.counters.slowReaders += 1
        isCut = true
        exchange.cutOff()
    }

    var unsent: Int { output.unsent + heldBytes }

    func ended(_ exchange: HTTPExchange) {
        if exchange.endsConnection {
            if receiving === exchange || !backlog.isEmpty || !parser.isBetweenRequests { isDirty = true }
            if receiving === exchange { stopReading() }
            isStopped = true
        }
        advance()
        flushSoon()
    }

    /// The first exchange may have ended, and others behind it.
    private func advance() {
        while let first = exchanges.popEnded() {
            if first.endsConnection {
                endsByReset = first.endsWithReset
                stopReading()
                return loseAll()
            }
            server.spares.give(first)
            guard let next = exchanges.first else { break }
            next.isFirst = true
            heldBytes -= next.held.count
            next.closeChunk(in: &next.held)
            output.append(&next.held)
            continueIfDue()
        }
        becomeIdle()
    }

    private func becomeIdle() {
        if exchanges.isEmpty, !isStopped, parser.isBetweenRequests { phaseStart = loop.now }
    }

    // MARK: Sending

    /// Sends at the end of this turn what has been written by then.
    func flushSoon() {
        guard !isFlushWanted, isOpen else { return }
        isFlushWanted = true
        loop.atEndOfTurn(self)
    }

    var endOfTurn: EndOfTurnStage { .written }

    func flush() {
        guard isOpen else { return }
        if isCut { return reset() }
        send()
        // Sending may have made room for requests that wait, whose answers then leave as well.
        if isOpen, takesBacklog {
            takeBacklog()
            send()
        }
        guard isOpen else { return }
        isFlushWanted = false
        if takesBacklog { flushSoon() }
        if exchanges.isEmpty, output.isEmpty, isStopped, case .no = linger { return endConnection() }
        updateReading()
        updateTimer()
    }

    private func send() {
        guard isOpen else { return }
        exchanges.first?.closeChunk(in: &output.bytes)
        guard !output.isEmpty, !kernelIsFull else { return }
        switch output.withUnsent({ socket.send($0) }) {
        case .failed: reset()
        case .taken(let count):
            server.counters.bytesSent += count
            lastProgress = loop.now
            if let emptied = output.dropFirst(count) { server.buffers.give(emptied) }
            kernelIsFull = !output.isEmpty
            socket.setWriting(kernelIsFull)
            exchanges.first?.tellOfRoom()
        }
    }

    private func updateReading() {
        if case .since(_, let bytes) = linger { return socket.setReading(bytes < limits.lingerBytes) }
        socket.setReading(backlog.isEmpty && mayReadOn)
    }

    // MARK: Ending

    /// All answers have left.
    private func endConnection() {
        if endsByReset { return reset() }
        if hasHungUp { return close() }
        if !isDirty {
            // A client that said more than it should has it in our kernel.
            guard case .bytes = socket.receive(into: server.scratch) else { return close() }
        }
        // With bytes unread the kernel would send a reset, and the client might never see the answer: read a while before closing.
        socket.finishSending()
        linger = .since(loop.now, bytes: 0)
        updateReading()
        updateTimer()
    }

    func close() {
        guard isOpen else { return }
        socket.close()
        leave()
    }

    /// The client is not there any more, or not to be waited for; or it has to take what it got for a failure.
    private func reset() {
        guard isOpen else { return }
        socket.reset()
        leave()
    }

    private func leave() {
        isOpen = false
        loop.cancel(timer)
        timer = nil
        whenDue = nil
        backlog = []
        receiving = nil
        spare = nil
        server.closed(self)
        loseAll()
    }

    private func loseAll() {
        for exchange in exchanges.removeAll() {
            if !exchange.hasEnded { server.counters.departures += 1 }
            exchange.becomeGone()
        }
        heldBytes = 0
    }

    /// The server drains: a connection at rest is not kept for its full time.
    func drain() { updateTimer() }

    // MARK: Deadlines

    private enum Wait { case lingering, writing, body, head, idle }

    /// What is waited for, and until when. One timer serves all of them, and is set again only when it has fired too early.
    private var deadline: (Instant, Wait)? {
        if case .since(let start, _) = linger { return (start + limits.linger, .lingering) }
        var next: (Instant, Wait)?
        if !output.isEmpty { next = (lastProgress + limits.writeStall, .writing) }
        guard !isStopped else { return next }
        let reading: (Instant, Wait)
        if parser.isInBody {
            reading = (phaseStart + limits.bodyDeadline, .body)
        } else if !parser.isBetweenRequests {
            reading = (phaseStart + limits.headerDeadline, .head)
        } else {
            guard exchanges.isEmpty, output.isEmpty else { return next }
            // A new connection owes its first head; one that has been used may rest.
            var rest = isFirstRequest ? limits.headerDeadline : limits.idle
            if server.isDraining { rest = min(rest, limits.drainIdle) }
            reading = (phaseStart + rest, .idle)
        }
        guard let writing = next else { return reading }
        next = writing.0 < reading.0 ? writing : reading
        return next
    }

    private func updateTimer() {
        guard isOpen, let (deadline, _) = deadline, timer == nil || deadline < timerDeadline, let whenDue else { return }
        loop.cancel(timer)
        timerDeadline = deadline
        timer = loop.schedule(at: deadline, whenDue)
    }

    private func checkDeadlines() {
        timer = nil
        guard isOpen else { return }
        guard let (deadline, wait) = deadline, deadline <= loop.now else { return updateTimer() }
        switch wait {
        case .lingering, .idle: close()
        case .writing:
            server.counters.stalls += 1
            reset()
        case .body: refuse(.bodyDeadline)
        case .head: refuse(.headerDeadline)
        }
        updateTimer()
    }
}
