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
    /// Whether some router's directory has it; for `WorkerPool`, with the moment from which none has.
    var isNamed = true
    var unnamedSince: Instant?
    /// As the directory says it.
    private(set) var entry: WorkerEntry
    /// Kept by `WorkerPool`.
    var breaker: WorkerBreaker
    private(set) lazy var sessions = SessionLine(on: context.loop) { [weak self] in self?.link }
    /// A request, and which of its legs are here: both may be.
    private struct Running {
        let request: ActiveRequest
        var legs: LegSet
    }

    private let context: ProcessContext
    /// Told when its link opens, fails or ends, and when nothing runs there any more though nobody names it.
    private let changed: @LoopActor () -> Void
    private let lateFramesTotal: Counter
    private var keeper: LinkKeeper?
    private var running: [UInt64: Running] = [:]
    private var starting: [GenerateEntry] = []
    private var cancelling: [CancelEntry] = []
    private var wantsFlush = false
    private var isFirstFailure = true

    /// The link ended, or could not be opened, and is not open again yet. Before the first dial has ended this is false.
    private(set) var hasFailed = false
    /// When it ended, of one that was open; nil while it is open again.
    private(set) var lostAt: Instant?
    /// Frames for requests that are over: they were under way when it ended.
    private(set) var lateFrames: UInt64 = 0

    init(
        _ entry: WorkerEntry, at address: Address, context: ProcessContext, endpoint: LinkEndpoint, breaker: BreakerLimits,
        lateFrames: Counter, changed: @escaping @LoopActor () -> Void
    ) {
        workerID = entry.workerID
        generation = entry.generation
        self.entry = entry
        self.breaker = WorkerBreaker(breaker)
        self.context = context
        self.changed = changed
        lateFramesTotal = lateFrames
        keeper = LinkKeeper(address, kind: .data, endpoint: endpoint, loop: context.loop, handler: self)
    }

    var isOpen: Bool { link != nil }
    var holdsSessions: Bool { entry.capabilities.contains(.sessions) }
    var openRequests: Int { running.count }
    // Order: a sum.
    var openLegs: Int { running.values.reduce(0) { $0 + $1.legs.count } }
    var unsentBytes: Int { link?.unsentBytes ?? 0 }
    /// What it takes for running there, in the order of requests.
    var legs: [(request: ActiveRequest, leg: Leg)] {
        running.keys.sorted().compactMap { running[$0] }.flatMap { known in known.legs.members.map { (known.request, $0) } }
    }

    /// Only to the life of the worker that the directory named, since another one knows nothing of our plans; and one that has begun to end
    /// carries nothing any more.
    private var link: Link? {
        guard let link = keeper?.link, link.isOpen, link.peer.id == workerID, link.peer.generation == generation else { return nil }
        return link
    }

    /// The directory says it anew.
    func named(_ entry: WorkerEntry) { self.entry = entry }

    func start() { keeper?.start() }

    func stop(_ reason: GoodbyeReason) {
        keeper?.stop(reason)
        keeper = nil
        lost(isDeath: false)
    }

    // MARK: Requests

    /// Sends a leg of the request at the end of this turn; false if there is no link to send it on.
    func generate(_ entry: GenerateEntry, for request: ActiveRequest) -> Bool {
        guard isOpen else { return false }
        running[entry.counter, default: Running(request: request, legs: [])].legs.insert(LegSet(entry.leg))
        starting.append(entry)
        flushSoon()
        return true
    }

    /// Ends every leg of every attempt up to this one, unless the worker said that it is over; what still comes of it is dropped.
    func cancel(_ request: ActiveRequest, attempt: UInt8, reason: CancelReason) {
        guard var known = running[request.counter], known.request === request else { return }
        remove(request.counter)
        starting.removeAll { entry in
            guard entry.counter == request.counter, entry.attempt == attempt else { return false }
            known.legs.remove(LegSet(entry.leg))  // it never left
            return true
        }
        guard !known.legs.isEmpty else { return }
        cancelling.append(CancelEntry(counter: request.counter, attempt: attempt, choice: Self.allChoices, reason: reason))
        flushSoon()
    }

    /// One choice is complete, since the frontend found its end. With the last one the request ends there.
    func cancel(choice: UInt8, of request: ActiveRequest) {
        guard running[request.counter]?.request === request else { return }
        cancelling.append(CancelEntry(counter: request.counter, attempt: request.attempt, choice: choice, reason: .stopMatched))
        flushSoon()
    }

    /// The client has all of it: every choice of that leg has finished there, was cancelled, or is not needed. False: it never left.
    func forget(_ request: ActiveRequest, _ leg: Leg) -> Bool {
        guard let known = running[request.counter], known.request === request else { return true }
        let left = known.legs.subtracting(LegSet(leg)), waiting = starting.count
        if left.isEmpty { remove(request.counter) } else { running[request.counter]?.legs = left }
        starting.removeAll { $0.counter == request.counter && $0.leg == leg }
        return starting.count == waiting
    }

    private func remove(_ counter: UInt64) {
        running[counter] = nil
        if !isNamed, running.isEmpty { changed() }
    }

    private static let allChoices: UInt8 = 255

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        context.loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        guard let link else {
            starting.removeAll()
            return cancelling.removeAll()
        }
        let origin = context.identity.generation
        // Cancels first: the attempts that end make room for those that begin.
        for part in cancelling.parts(of: Limits.batchEntries) { link.send(CancelBatch(requests: part), origin: origin) }
        cancelling.removeAll(keepingCapacity: true)
        if !starting.isEmpty { context.loop.reaches("request to a worker not sent") }
        var start = 0
        // Prompts that the worker does not take are kept here, where a client that leaves takes its own back.
        while start < starting.count, !link.isBackedUp {
            let count = starting.fitInMessage(from: start)
            let entries = count == starting.count ? starting : Array(starting[start..<start + count])
            link.send(GenerateBatch(entries: entries), origin: origin)
            start += count
        }
        if start == starting.count { starting.removeAll(keepingCapacity: true) } else { starting.removeFirst(start) }
    }

    // MARK: LinkKeeperHandler

    func keeper(_ keeper: LinkKeeper, opened link: Link) {
        isFirstFailure = true
        hasFailed = self.link == nil
        lostAt = nil
        // Another life answers at the address: the directory will say so.
        if hasFailed { link.goodbye(.done, detail: "another generation is wanted") }
        changed()
    }

    func keeperDrained(_ keeper: LinkKeeper) { if !starting.isEmpty { flushSoon() } }

    func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        do throws(WireError) {
            guard header.origin == context.identity.generation else { throw WireError(.invalidValue, "origin") }
            switch header.kind {
            case .tokenBatch: try takeTokens(body)
            case .statusBatch:
                let batch = try Codec.decodeBody(StatusBatch.self, from: body)
                for status in batch.entries { take(status) }
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch {
            link.malformed(header, error)
            // Its requests go on elsewhere, and do not wait until the link is closed.
            if !link.isOpen { failed(isDeath: false) }
        }
    }

    func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        if wasOpen || isFirstFailure {
            context.log.warning(
                wasOpen ? "worker lost" : "worker not reached",
                ["worker": .hex(workerID), "address": .text(keeper.address.description), "reason": .text(ended.description)])
        }
        isFirstFailure = wasOpen
        if wasOpen, !hasFailed { lostAt = context.loop.now }
        failed(isDeath: ended.isDeath)
    }

    private func failed(isDeath: Bool) {
        hasFailed = true
        lost(isDeath: isDeath)
        changed()
    }

    private func lost(isDeath: Bool) {
        starting = []
        cancelling = []
        let requests = running.keys.sorted().compactMap { running[$0] }
        running.removeAll()
        for (request, legs) in requests.map({ ($0.request, $0.legs) }) {
            for leg in legs.members { request.workerLost(leg, attempt: request.attempt, isDeath: isDeath) }
        }
    }

    private func takeTokens(_ body: RawSpan) throws(WireError) {
        var cursor = try TokenBatchCursor(body)
        while let frame = try cursor.next() {
            guard let known = running[frame.counter], known.legs.contains(LegSet(frame.leg)) else {
                lateFrames &+= 1
                lateFramesTotal.increment()
                continue
            }
            // More than was asked for: a broken engine, or a stranger.
            guard known.request.take(frame) else { throw WireError(.countOverLimit, "tokens") }
        }
    }

    private func take(_ status: StatusEntry) {
        guard let (counter, attempt, leg) = status.subject, let known = running[counter], known.legs.contains(LegSet(leg)),
            known.request.take(status, of: leg, attempt: attempt)
        else { return }
        let left = known.legs.subtracting(LegSet(leg))
        if left.isEmpty { remove(counter) } else { running[counter]?.legs = left }
    }
}

extension LinkEnd {
    /// Whether the peer's process may have died, rather than left in order or been sent away.
    fileprivate var isDeath: Bool {
        switch self {
        case .closedByPeer, .silent: true
        default: false
        }
    }
}

extension StatusEntry {
    /// Which request, attempt and leg it is about; nil for what a later minor added.
    fileprivate var subject: (counter: UInt64, attempt: UInt8, leg: Leg)? {
        switch self {
        case .acceptedStatus(let status): (status.counter, status.attempt, status.leg)
        case .refusedStatus(let status): (status.counter, status.attempt, status.leg)
        case .startedStatus(let status): (status.counter, status.attempt, status.leg)
        case .prefillProgressStatus(let status): (status.counter, status.attempt, status.leg)
        case .prefillDoneStatus(let status): (status.counter, status.attempt, status.leg)
        case .endedStatus(let status): (status.counter, status.attempt, status.leg)
        case .embeddingStatus(let status): (status.counter, status.attempt, status.leg)
        case .unknown: nil
        }
    }
}
