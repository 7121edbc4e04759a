import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// One frontend's link: its requests in, and what becomes of them out, in the order in which it happened.
@LoopActor
final class DataLink: LinkHandler {
    let link: Link
    private let core: WorkerCore
    private let handler: GenerateHandler
    private let ended: @LoopActor (DataLink, LinkEnd) -> Void
    private var statuses: [StatusEntry] = []
    private var writer = TokenBatchWriter()
    private var isTouched = false
    private var scratch: [TokenID] = []

    init(_ link: Link, core: WorkerCore, handler: GenerateHandler, ended: @escaping @LoopActor (DataLink, LinkEnd) -> Void) {
        self.link = link
        self.core = core
        self.handler = handler
        self.ended = ended
    }

    /// Whose requests these are: a frontend's nonce is its generation.
    var origin: UInt64 { link.peer.generation }

    /// Nothing waits here.
    var isEmpty: Bool { statuses.isEmpty && writer.isEmpty }

    // MARK: In

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        // What comes after this side's goodbye is answered by the end of the link.
        guard link.isOpen else { return }
        do throws(WireError) {
            switch header.kind {
            case .generateBatch where isBatch(header):
                handler.generate(try Codec.decodeBody(GenerateBatch.self, from: body), from: self)
            case .cancelBatch where isBatch(header):
                handler.cancel(try Codec.decodeBody(CancelBatch.self, from: body), from: self)
            case .openSession where header.flags.contains(.question):
                open(try Codec.decodeBody(OpenSession.self, from: body), header)
            case .endSession where header.flags.contains(.question):
                let existed = core.sessions.close(try Codec.decodeBody(EndSession.self, from: body))
                link.answer(header, with: SessionEnded(existed: existed))
            default: link.misplaced(header)
            }
        } catch {
            link.malformed(header, error)
        }
        core.settle()
    }

    private func open(_ question: OpenSession, _ header: MessageHeader) {
        do throws(SessionRefusal) {
            if core.state != .ready { throw SessionRefusal(.draining, "", "this worker takes nothing new") }
            if let problem = core.check.problem(with: question) {
                throw SessionRefusal(problem.code, problem.field, problem.reason)
            }
            link.answer(header, with: try core.sessions.open(question))
        } catch {
            link.answer(header, with: error.failure)
        }
    }

    /// Another origin, or a question, breaks the protocol: the link ends.
    private func isBatch(_ header: MessageHeader) -> Bool { header.origin == origin && !header.flags.contains(.question) }

    /// Before anything else, what came over this link is cancelled.
    func link(_ link: Link, ended end: LinkEnd) {
        handler.lost(self)
        statuses.removeAll()
        ended(self, end)
        core.settle()
    }

    // MARK: Out

    func append(_ status: StatusEntry) {
        touch()
        statuses.append(status)
    }

    /// New tokens in step `number`. Statuses that were appended before go first.
    @inline(__always)
    func append(_ request: OpenRequest, choice: UInt8, position: UInt32, token: TokenID, finish: FinishReason?, step: UInt64) {
        makeRoom(step)
        writer.append(
            counter: request.id.counter, attempt: request.attempt, choice: choice, leg: request.leg, position: position, token: token,
            finish: finish)
    }

    /// A run of several tokens, or with logprobs; more than a frame holds go into several. Without tokens it says that the choice has ended.
    func append(
        _ request: OpenRequest, choice: UInt8, position: UInt32, tokens: ArraySlice<TokenID>, logprobs: [TokenLogprob]?,
        finish: FinishReason?, step: UInt64
    ) {
        guard !tokens.isEmpty || finish != nil else { return }
        var first = tokens.startIndex
        repeat {
            let count = min(tokens.endIndex - first, Limits.tokensPerFrame), done = first - tokens.startIndex
            scratch.removeAll(keepingCapacity: true)
            scratch.append(contentsOf: tokens[first..<(first + count)])
            first += count
            makeRoom(step)
            writer.append(
                counter: request.id.counter, attempt: request.attempt, choice: choice, leg: request.leg,
                firstPosition: position + UInt32(done), tokens: scratch, finish: first == tokens.endIndex ? finish : nil,
                logprobs: logprobs.map { Array($0[done..<(done + count)]) })
        } while first < tokens.endIndex
    }

    private func makeRoom(_ step: UInt64) {
        touch()
        if writer.isFull { leave() }
        if writer.isEmpty { writer.begin(origin: origin, number: step) }
    }

    private func touch() {
        guard !isTouched else { return }
        isTouched = true
        core.touch(self)
    }

    /// Statuses first, then tokens: what a status says after tokens is appended once they have left.
    func leave() {
        isTouched = false
        sendStatuses()
        guard !writer.isEmpty else { return }
        // Out of this object while it is read in place.
        var sent = exchange(&writer, with: TokenBatchWriter())
        sent.finish()
        link.send(whole: sent.message)
        sent.begin(origin: origin, number: 0)
        writer = sent
    }

    private func sendStatuses() {
        guard !statuses.isEmpty else { return }
        var rest = statuses[...]
        while !rest.isEmpty {
            link.send(StatusBatch(entries: Array(rest.prefix(Limits.batchEntries))), origin: origin)
            rest = rest.dropFirst(Limits.batchEntries)
        }
        statuses.removeAll(keepingCapacity: true)
    }
}

extension Link {
    /// A message of a kind that this side never gets: `proto-spec/03-exchanges.md#who-may-send-what-when`.
    func misplaced(_ header: MessageHeader) {
        guard header.flags.contains(.question) else { return protocolError(WireError(.unexpectedKind, "kind")) }
        answer(header, with: Failure(.notAllowedHere, field: "kind", reason: "a worker does not take this kind"))
    }
}
