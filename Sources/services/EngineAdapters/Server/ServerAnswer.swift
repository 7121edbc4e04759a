import ClusterModel
import EventLoop
import HTTPClient

/// What hears of one answer that makes tokens.
@LoopActor
protocol ServerAnswerOwner: AnyObject {
    /// The server has taken the question.
    func answerBegan(_ answer: ServerAnswer)
    /// One event, or the whole body of an answer that is no stream; valid during the call.
    func answer(_ answer: ServerAnswer, said text: UnsafeRawBufferPointer)
    /// Told once, last; nil: it ended as it should.
    func answer(_ answer: ServerAnswer, ended problem: ServerProblem?)
}

/// The answer to one question, from its first byte to its end. A connection that turns out to be closed already is replaced once.
@LoopActor
final class ServerAnswer: HTTPClientHandler {
    private let server: EngineServer
    private let request: HTTPClientRequest
    private let deadline: Instant
    private weak var owner: (any ServerAnswerOwner)?
    private var connection: HTTPClientConnection?
    private var reader: SSEReader
    /// Of an answer that is no stream, or no success.
    private var body: [UInt8] = []
    private var status = 0
    private var isStream = false
    /// The event that ends a stream of this kind has come.
    private var isDone = false
    private var wasReplaced = false
    /// Nobody hears of it any more, and it is to come to its end all the same.
    private var isLeft = false
    private var whenLeftEnds: (() -> Void)?
    private var timer: TimerHandle?

    init(_ question: ServerQuestion, of server: EngineServer, owner: any ServerAnswerOwner) {
        self.server = server
        request = server.complete(question.request)
        reader = SSEReader(limit: question.mostEventBytes)
        deadline = server.loop.now + ServerLimits.answer
        self.owner = owner
    }

    /// False where the server has as many requests as it may.
    func start() -> Bool {
        guard let connection = server.connection() else { return false }
        self.connection = connection
        connection.start(request, until: deadline, self)
        return true
    }

    /// Nobody waits for it any more: the server sees the connection end. Nothing is told after this.
    func drop() {
        owner = nil
        connection?.close()
    }

    /// All that was wanted of it has come; the rest of it is read for nobody.
    func release() {
        owner = nil
        isDone = true
        awaitEnd()
    }

    /// Nobody waits for it any more, but the server has to have read the question: the connection ends when the answer begins.
    func dropWhenSeen() {
        owner = nil
        guard status == 0 else { return drop() }
        timer = server.loop.schedule(after: ServerLimits.delivery) { [weak self] in
            self?.timer = nil
            self?.drop()
        }
    }

    /// Nobody hears of it any more; it goes on to its end, for some minutes at most.
    func leave(_ whenEnded: @escaping () -> Void) {
        owner = nil
        guard connection != nil else { return whenEnded() }
        isLeft = true
        whenLeftEnds = whenEnded
        timer = server.loop.schedule(after: ServerLimits.meeting) { [weak self] in
            self?.timer = nil
            self?.drop()
        }
    }

    // MARK: HTTPClientHandler

    func answerBegan(_ head: HTTPClientHead) {
        status = head.status
        isStream = status == 200 && (head["content-type"] ?? "").lowercased().hasPrefix("text/event-stream")
        if owner == nil, !isDone, !isLeft { drop() }
        if status == 200 { owner?.answerBegan(self) }
    }

    func answerReceived(_ part: UnsafeRawBufferPointer) {
        guard owner != nil, !isDone else { return }
        guard isStream else {
            let limit = status == 200 ? ServerLimits.answerBytes : ServerLimits.refusalBytes
            guard body.count + part.count <= limit else { return fail(.malformed("the answer is longer than \(limit) bytes")) }
            return body.append(contentsOf: part)
        }
        do throws(SSEReader.TooLong) {
            try reader.read(part) { event in
                guard owner != nil, !isDone, !event.data.isEmpty else { return }
                if event.isDone { finish() } else { owner?.answer(self, said: event.data) }
            }
        } catch { fail(.malformed("an event is longer than \(error.limit) bytes")) }
    }

    func answerEnded(_ error: HTTPClientError?) {
        server.loop.cancel(timer)
        timer = nil
        if let connection {
            self.connection = nil
            server.giveBack(connection)
        }
        if let whenLeftEnds {
            self.whenLeftEnds = nil
            whenLeftEnds()
        }
        guard owner != nil else { return }
        if case .closedBeforeAnswer(wasUsedBefore: true) = error, !wasReplaced, let fresh = server.freshConnection() {
            wasReplaced = true
            connection = fresh
            return fresh.start(request, until: deadline, self)
        }
        if let error { return tell(.unanswered(error)) }
        guard status == 200 else { return tell(.refusal(status: status, body)) }
        if !isStream { body.withUnsafeBytes { owner?.answer(self, said: $0) } }
        tell(nil)
    }

    // MARK: Ends

    private func finish() {
        isDone = true
        tell(nil)
        awaitEnd()
    }

    /// What is left of the answer is read, so that the connection can be used again, and if that takes long it is closed.
    private func awaitEnd() {
        guard connection != nil, timer == nil else { return }
        timer = server.loop.schedule(after: ServerLimits.afterLast) { [weak self] in
            self?.timer = nil
            self?.connection?.close()
        }
    }

    private func fail(_ problem: ServerProblem) {
        let told = owner
        drop()
        told?.answer(self, ended: problem)
    }

    private func tell(_ problem: ServerProblem?) {
        let told = owner
        owner = nil
        told?.answer(self, ended: problem)
    }
}
