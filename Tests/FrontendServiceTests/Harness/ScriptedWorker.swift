import ClusterModel
import EventLoop
import TextProcessing
import Transport
import WireProtocol

/// The worker's side of data and recovery links, as a test wants it.
@LoopActor
final class ScriptedWorker: LinkHandler {
    /// What becomes of each request.
    var script: @LoopActor (Job) -> Void = { $0.answer("hello") }
    /// Changes an answer to a question for a file; nil: no answer at all.
    var file: (@LoopActor (FileAnswer) -> FileAnswer?)?

    /// What becomes of a wish to open a session; nil: no answer at all.
    var opening: (@LoopActor (OpenSession) -> Opening?) = { _ in .opened(SessionOpened(bindCounter: 1, rank: 0, ttlSeconds: 300)) }
    enum Opening {
        case opened(SessionOpened)
        case failure(Failure)
    }

    private(set) var opened: [OpenSession] = []
    private(set) var ended: [EndSession] = []
    private(set) var jobs: [Job] = []
    private(set) var cancels: [CancelEntry] = []
    private(set) var fileQuestions: [FileQuestion] = []
    /// Of data links.
    private(set) var ends: [LinkEnd] = []
    private(set) var messages: [MessageKind] = []
    /// Of frontends, while they are open.
    private(set) var dataLinks: [Link] = []
    private(set) var recoveryLinks: [Link] = []
    let identity: Identity
    let loop: Loop
    private let endpoint: LinkEndpoint
    private let files: [(name: String, bytes: [UInt8])]

    init(
        _ identity: Identity, host: SimulatedHost, loop: VirtualLoop, policy base: LinkPolicy, files: [(name: String, bytes: [UInt8])]
    ) {
        self.loop = loop
        self.identity = identity
        self.files = files
        var policy = base
        policy.identity = identity
        policy.accepts = [.data: [.frontend], .recovery: [.frontend, .router]]
        endpoint = LinkEndpoint(loop: loop, network: host, policy: policy)
        do {
            try endpoint.listen(
                on: Address(host: host.name, port: 8200),
                accepted: { [weak self] link in
                    link.handler = self
                    if link.kind == .data { self?.dataLinks.append(link) } else { self?.recoveryLinks.append(link) }
                })
        } catch { preconditionFailure("\(error)") }
    }

    /// No new links; those that are open stay.
    func stopListening() { endpoint.stopListening() }

    /// Ends the links without a word, as a process that dies does.
    func dropLinks() {
        for link in dataLinks + recoveryLinks { link.abort() }
        dataLinks = []
        recoveryLinks = []
    }

    // MARK: LinkHandler

    func link(_ link: Link, ended: LinkEnd) {
        if link.kind == .data { ends.append(ended) }
        dataLinks.removeAll { $0 === link }
        recoveryLinks.removeAll { $0 === link }
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        if let kind = header.kind { messages.append(kind) }
        do throws(WireError) {
            switch header.kind {
            case .generateBatch:
                for entry in try Codec.decodeBody(GenerateBatch.self, from: body).entries {
                    let job = Job(entry, on: link, loop: loop)
                    jobs.append(job)
                    script(job)
                }
            case .cancelBatch: cancels += try Codec.decodeBody(CancelBatch.self, from: body).requests
            case .openSession:
                let question = try Codec.decodeBody(OpenSession.self, from: body)
                opened.append(question)
                switch opening(question) {
                case .opened(let answer): link.answer(header, with: answer)
                case .failure(let failure): link.answer(header, with: failure)
                case nil: break
                }
            case .endSession:
                ended.append(try Codec.decodeBody(EndSession.self, from: body))
                link.answer(header, with: SessionEnded(existed: true))
            case .fileQuestion: answer(try Codec.decodeBody(FileQuestion.self, from: body), header, on: link)
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    private func answer(_ question: FileQuestion, _ header: MessageHeader, on link: Link) {
        fileQuestions.append(question)
        guard let bytes = files.first(where: { $0.name == question.name })?.bytes else {
            return link.answer(header, with: Failure(.notFound, field: "digest", reason: "no such file"))
        }
        let start = min(Int(question.offset), bytes.count), end = min(start + Limits.fileChunkBytes, bytes.count)
        let answer = FileAnswer(
            digest: question.digest, offset: question.offset, totalBytes: UInt64(bytes.count), data: Array(bytes[start..<end]))
        guard let file else { return link.answer(header, with: answer, compressed: true) }
        if let changed = file(answer) { link.answer(header, with: changed, compressed: true) }
    }
}

/// One attempt that a worker was asked for.
@LoopActor
final class Job {
    let entry: GenerateEntry
    let link: Link
    private let loop: Loop
    /// Of each choice.
    private(set) var positions: [Int]

    init(_ entry: GenerateEntry, on link: Link, loop: Loop) {
        self.entry = entry
        self.link = link
        self.loop = loop
        positions = (0..<Int(entry.choices)).map { choice in entry.continuation.first { $0.choice == choice }?.shownTokens.count ?? 0 }
    }

    /// What earlier attempts showed of a choice.
    func shown(_ choice: UInt8 = 0) -> String {
        String(decoding: (entry.continuation.first { $0.choice == choice }?.shownTokens ?? []).map { UInt8($0) }, as: UTF8.self)
    }

    func after(_ span: Duration, _ action: @escaping @LoopActor (Job) -> Void) { loop.schedule(after: span) { action(self) } }

    // MARK: Statuses

    func accept() {
        status(.acceptedStatus(AcceptedStatus(counter: entry.counter, attempt: entry.attempt, leg: entry.leg, waitingTokens: 0)))
    }

    func start(cached: UInt32 = 0, waited: UInt64 = 1) {
        status(
            .startedStatus(
                StartedStatus(
                    counter: entry.counter, attempt: entry.attempt, leg: entry.leg, cachedTokens: cached, waitedMicroseconds: waited)))
    }

    func prefillDone(after microseconds: UInt64) {
        status(
            .prefillDoneStatus(
                PrefillDoneStatus(counter: entry.counter, attempt: entry.attempt, leg: entry.leg, prefillMicroseconds: microseconds)))
    }

    func progress() {
        status(
            .prefillProgressStatus(
                PrefillProgressStatus(counter: entry.counter, attempt: entry.attempt, leg: entry.leg, computedTokens: 1)))
    }

    func refuse(
        _ code: FailureCode, field: String = "", reason: String = "scripted", waiting: UInt64 = 0, stream: UInt64 = 0, retry: UInt32 = 0
    ) {
        var refusal = RefusedStatus()
        refusal.counter = entry.counter
        refusal.attempt = entry.attempt
        refusal.leg = entry.leg
        refusal.failure = FailureDetail(code: code, retryAfterMilliseconds: retry, field: field, reason: reason)
        refusal.load.waitingTokens = waiting
        refusal.streamNumber = stream
        status(.refusedStatus(refusal))
    }

    func end(_ reason: EndReason, _ code: FailureCode? = nil, _ change: (inout EndedStatus) -> Void = { _ in }) {
        var ended = EndedStatus()
        ended.counter = entry.counter
        ended.attempt = entry.attempt
        ended.leg = entry.leg
        ended.reason = reason
        ended.failure = code.map { FailureDetail(code: $0, retryAfterMilliseconds: 0, field: "", reason: "scripted") }
        change(&ended)
        status(.endedStatus(ended))
    }

    func status(_ status: StatusEntry) { link.send(StatusBatch(entries: [status]), origin: link.peer.generation) }

    // MARK: Tokens

    /// The next tokens of a choice, one a byte.
    func say(_ text: String, choice: UInt8 = 0, finish: FinishReason? = nil, logprobs: [TokenLogprob]? = nil) {
        frames([text], choice: choice, finish: finish, logprobs: logprobs)
    }

    /// Of the standard byte model.
    private static let endOfText: UInt32 = 256

    /// Tokens at any position, of any attempt.
    func frame(
        _ text: String, choice: UInt8 = 0, at position: Int, attempt: UInt8? = nil, finish: FinishReason? = nil,
        logprobs: [TokenLogprob]? = nil
    ) {
        frames([text], choice: choice, at: position, attempt: attempt, finish: finish, logprobs: logprobs)
    }

    /// Several frames in one message, each following the one before.
    func frames(
        _ texts: [String], choice: UInt8 = 0, at position: Int? = nil, attempt: UInt8? = nil, finish: FinishReason? = nil,
        logprobs: [TokenLogprob]? = nil
    ) {
        var place = position ?? positions[Int(choice)], batch = TokenBatch()
        for (index, text) in texts.enumerated() {
            var frame = TokenFrame()
            frame.counter = entry.counter
            frame.attempt = attempt ?? entry.attempt
            frame.leg = entry.leg
            frame.choice = choice
            frame.firstPosition = UInt32(place)
            frame.tokens = text.utf8.map { UInt32($0) }
            frame.finish = index == texts.count - 1 ? finish : nil
            // The token that says so is one of the answer, and not shown.
            if frame.finish == .endOfText { frame.tokens.append(Self.endOfText) }
            frame.logprobs = logprobs
            place += frame.tokens.count
            batch.frames.append(frame)
        }
        if position == nil { positions[Int(choice)] = place }
        link.send(batch, origin: link.peer.generation)
    }

    /// The whole of an ordinary answer, of every choice.
    func answer(_ text: String) {
        accept()
        start()
        for choice in 0..<entry.choices where !entry.continuation.contains(where: { $0.choice == choice && $0.finished }) {
            say(String(text.dropFirst(positions[Int(choice)])), choice: choice, finish: .endOfText)
        }
        end(.finished)
    }
}
