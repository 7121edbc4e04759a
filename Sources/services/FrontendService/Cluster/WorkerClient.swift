import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// The frontend's side of one data link: requests out, a batch a turn of the loop; tokens and statuses in, a batch an engine step.
@LoopActor
final class WorkerClient: LinkKeeperHandler, EndOfTurn {
    let workerID: UInt64
    let generation: UInt64
    private let context: ProcessContext
    private var keeper: LinkKeeper?
    private var running: [UInt64: ActiveRequest] = [:]
    private var starting = GenerateBatch()
    private var cancelling = CancelBatch()
    private var wantsFlush = false
    private var isFirstFailure = true
    /// Frames for requests that are over: they were under way when it ended.
    private(set) var lateFrames: UInt64 = 0
    private(set) var failures = 0

    init(_ entry: WorkerEntry, at address: Address, context: ProcessContext, endpoint: LinkEndpoint) {
        workerID = entry.workerID
        generation = entry.generation
        self.context = context
        keeper = LinkKeeper(address, kind: .data, endpoint: endpoint, loop: context.loop, handler: self)
    }

    var isOpen: Bool { link != nil }
    var openRequests: Int { running.count }
    var unsentBytes: Int { link?.unsentBytes ?? 0 }

    /// Only the life of the worker that the directory named: another one knows nothing of our plans.
    private var link: Link? {
        guard let link = keeper?.link, link.peer.id == workerID, link.peer.generation == generation else { return nil }
        return link
    }

    func start() { keeper?.start() }

    func stop(_ reason: GoodbyeReason) {
        keeper?.stop(reason)
        keeper = nil
        lost()
    }

    // MARK: Requests

    /// Sends the request at the end of this turn; false if there is no link to send it on.
    func generate(_ entry: GenerateEntry, for request: ActiveRequest) -> Bool {
        guard isOpen else { return false }
        running[entry.counter] = request
        starting.entries.append(entry)
        flushSoon()
        return true
    }

    /// Ends every attempt up to this one; what still comes of it is dropped.
    func cancel(_ request: ActiveRequest, attempt: UInt8, reason: CancelReason) {
        guard running.removeValue(forKey: request.counter) != nil else { return }
        if let index = starting.entries.firstIndex(where: { $0.counter == request.counter && $0.attempt == attempt }) {
            starting.entries.remove(at: index)  // it never left
            return
        }
        cancelling.requests.append(CancelEntry(counter: request.counter, attempt: attempt, choice: Self.allChoices, reason: reason))
        flushSoon()
    }

    /// One choice is complete, since the frontend found a stop in its text.
    func cancel(choice: UInt8, of request: ActiveRequest) {
        guard running[request.counter] === request else { return }
        cancelling.requests.append(
            CancelEntry(counter: request.counter, attempt: request.attempt, choice: choice, reason: .stopMatched))
        flushSoon()
    }

    /// The client has all of it. Where a stop was found here, the worker may not know yet that it is over.
    func ended(_ request: ActiveRequest, attempt: UInt8, hasFinished: Bool) {
        if hasFinished { running[request.counter] = nil } else { cancel(request, attempt: attempt, reason: .stopMatched) }
    }

    private static let allChoices: UInt8 = 255

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        context.loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        let origin = context.identity.generation
        if let link {
            // Cancels first: the attempts that end make room for those that begin.
            for part in cancelling.requests.parts(of: Limits.batchEntries) { link.send(CancelBatch(requests: part), origin: origin) }
            for part in starting.entries.parts(of: Limits.batchEntries) { link.send(GenerateBatch(entries: part), origin: origin) }
        }
        cancelling.requests.removeAll(keepingCapacity: true)
        starting.entries.removeAll(keepingCapacity: true)
    }

    // MARK: LinkKeeperHandler

    func keeper(_ keeper: LinkKeeper, opened link: Link) {
        isFirstFailure = true
        if self.link == nil {
            // Another life answers at the address: the directory will say so.
            link.goodbye(.done, detail: "another generation is wanted")
        }
    }

    func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        guard header.origin == context.identity.generation else {
            return link.malformed(header, WireError(.invalidValue, "origin"))
        }
        do throws(WireError) {
            switch header.kind {
            case .tokenBatch: try takeTokens(body)
            case .statusBatch:
                let batch = try Codec.decodeBody(StatusBatch.self, from: body)
                for status in batch.entries { take(status) }
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        failures += wasOpen ? 0 : 1
        if wasOpen || isFirstFailure {
            context.log.warning(
                wasOpen ? "worker lost" : "worker not reached",
                ["worker": .hex(workerID), "address": .text(keeper.address.description), "reason": .text(ended.description)])
        }
        isFirstFailure = wasOpen
        lost()
    }

    private func lost() {
        starting = GenerateBatch()
        cancelling = CancelBatch()
        let requests = running.keys.sorted().compactMap { running[$0] }
        running.removeAll()
        for request in requests { request.workerLost(attempt: request.attempt) }
    }

    private func takeTokens(_ body: RawSpan) throws(WireError) {
        var cursor = try TokenBatchCursor(body)
        while let frame = try cursor.next() {
            guard let request = running[frame.counter] else {
                lateFrames &+= 1
                continue
            }
            // More than was asked for: a broken engine, or a stranger.
            guard request.take(frame) else { throw WireError(.countOverLimit, "tokens") }
        }
    }

    private func take(_ status: StatusEntry) {
        guard let (counter, attempt) = status.subject, let request = running[counter] else { return }
        request.take(status, attempt: attempt)
    }
}

extension StatusEntry {
    /// Which request and attempt it is about; nil for what a later minor added.
    fileprivate var subject: (counter: UInt64, attempt: UInt8)? {
        switch self {
        case .acceptedStatus(let status): (status.counter, status.attempt)
        case .refusedStatus(let status): (status.counter, status.attempt)
        case .startedStatus(let status): (status.counter, status.attempt)
        case .prefillProgressStatus(let status): (status.counter, status.attempt)
        case .prefillDoneStatus(let status): (status.counter, status.attempt)
        case .endedStatus(let status): (status.counter, status.attempt)
        case .embeddingStatus(let status): (status.counter, status.attempt)
        case .unknown: nil
        }
    }
}

extension Array {
    /// Itself in pieces that fit one message; as a rule one.
    func parts(of limit: Int) -> [[Element]] {
        guard count > limit else { return isEmpty ? [] : [self] }
        return stride(from: 0, to: count, by: limit).map { Array(self[$0..<Swift.min($0 + limit, count)]) }
    }
}
