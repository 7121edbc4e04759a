import ClusterModel
import EventLoop
import HTTPClient

/// One of a run's places for a request under way: its connection, which it keeps between requests, and how far the answer has come.
@LoopActor
final class LiveRequest: HTTPClientHandler {
    private unowned let run: LoadRun
    private let connection: HTTPClientConnection
    private let loop: Loop
    private(set) var item: LoadItem
    /// When it was to be sent, and when it was.
    private(set) var due = Instant.zero
    private(set) var sent = Instant.zero
    private(set) var firstPiece: Instant?
    private var lastPiece = Instant.zero
    private(set) var answer = AnswerReader()
    private var repeats = 0
    private var departure: TimerHandle?
    private var isLeaving = false
    /// Where the run keeps it while it is under way.
    var place = -1

    init(_ run: LoadRun, _ connection: HTTPClientConnection, first item: LoadItem) {
        self.run = run
        self.connection = connection
        self.item = item
        loop = connection.loop
    }

    var isConnected: Bool { connection.isConnected }

    func start(_ item: LoadItem, due: Instant) {
        self.item = item
        self.due = due
        repeats = 0
        sent = loop.preciseNow
        send()
        if let patience = item.request.patience {
            departure = loop.schedule(at: sent + patience) { [weak self] in self?.leave() }
        }
    }

    private func send() {
        firstPiece = nil
        answer.begin(status: 0, isStream: false)
        connection.start(until: sent + run.plan.timeout, self) { run.write(item, to: &$0) }
    }

    /// The client goes away, as planned or because the run ends.
    func leave() {
        departure = nil
        isLeaving = true
        connection.close()
    }

    /// Ends the connection, which nobody uses any more.
    func close() { connection.close() }

    // MARK: Its answer

    func answerBegan(_ head: HTTPClientHead) { answer.begin(status: head.status, isStream: run.form.streams) }

    func answerReceived(_ part: UnsafeRawBufferPointer) {
        let pieces = answer.read(part)
        guard pieces > 0 else { return }
        let now = loop.preciseNow
        if firstPiece == nil {
            firstPiece = now
            run.progress.begun += 1
            // What came along with the first piece came without a pause.
            if pieces > 1 { run.gap(.zero, pieces: pieces - 1, of: self) }
        } else {
            run.gap(lastPiece.duration(to: now), pieces: pieces, of: self)
        }
        lastPiece = now
    }

    func answerEnded(_ error: HTTPClientError?) {
        if case .closedBeforeAnswer(wasUsedBefore: true) = error, repeats < LoadLimits.repeats, !isLeaving {
            repeats += 1
            run.progress.repeated += 1
            return send()
        }
        loop.cancel(departure)
        departure = nil
        let end: RequestOutcome.End
        if isLeaving {
            end = .left
        } else if let error {
            end = .failed(Self.kind(of: error))
        } else {
            answer.end()
            end = answer.failure.map { .failed($0) } ?? .complete
        }
        isLeaving = false
        run.ended(self, end)
    }

    /// Few different ones: they are counted by their text.
    private static func kind(of error: HTTPClientError) -> String {
        switch error {
        case .connecting(let error): "\(error)"
        case .closedBeforeAnswer: "closed before its answer"
        case .cutShort: "cut short"
        case .timedOut: "timeout"
        case .malformed, .tooLarge: "malformed answer"
        case .unsendable, .closed: "\(error)"
        }
    }
}
