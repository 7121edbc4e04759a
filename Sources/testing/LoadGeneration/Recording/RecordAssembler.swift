import ClusterModel
package import WireProtocol

/// Puts together, from the streams of routers, workers and frontends, one line for each request that ends.
///
/// Pure: times come in, counted from the begin of the recording; bytes of the file, and questions to routers, go out. Streams come in any
/// order among each other, and hold whatever their publishers like: everything is bounded, and what does not fit is counted.
package struct RecordAssembler: Sendable {
    /// Why a request went where it went is asked of the router that placed it.
    package struct Question: Hashable, Sendable {
        package let router: Int
        package let request: RequestKey
    }

    private let key: RecordKey
    private var writer = RecordWriter()
    private var fleet = FleetBook()
    private var open: [RequestID: OpenRecord] = [:]
    private var byLease: [UInt64: RequestID] = [:]
    private var closed = RecentLeases()
    private var questions: [Question] = []
    private var sessions = SessionBook()
    private var sessionNumbers = RecordNames<SessionKey>()
    private var tenantNumbers = RecordNames<String>()
    private var heldHashes = 0
    private var order: UInt64 = 0
    private var isRecording = false
    package var missed = RecordedMisses()
    /// Written so far.
    package private(set) var requests: UInt64 = 0

    package init(key: RecordKey, routers: Int) {
        self.key = key
        writer.header(routers: routers)
    }

    package var openCount: Int { open.count }
    package var writtenBytes: Int { writer.written }

    /// What is to be written next.
    package mutating func takeBytes() -> [UInt8] { writer.take() }

    /// What routers are to be asked; each is answered by `decided`.
    package mutating func takeQuestions() -> [Question] {
        defer { questions = [] }
        return questions
    }

    /// From now on requests count; before this only what the cluster consists of.
    package mutating func begin() { isRecording = true }

    // MARK: The cluster

    package mutating func pool(_ card: ModelCard) { fleet.pool(card, &writer) }

    /// A worker is there, or its entry is another one now. False: its model was not told of yet.
    package mutating func joined(_ entry: WorkerEntry, at now: Duration) -> Bool {
        fleet.joined(entry, at: isRecording ? now : .zero, &writer)
    }

    /// That life is over: what ran there is lost.
    package mutating func left(_ life: RecordedLife, at now: Duration) {
        fleet.left(life, at: isRecording ? now : .zero, &writer)
        endLegs(on: life, at: now, as: .workerLost) { _ in true }
        sessions.forget(life)
    }

    /// Legs of requests on that life that `isLost` picks are over.
    private mutating func endLegs(on life: RecordedLife, at now: Duration, as end: RecordedEnd, _ isLost: (OpenRecord.Leg) -> Bool) {
        for id in open.keys.sorted() {
            change(id) { record in
                for index in record.legs.indices where record.legs[index].life == life && !record.legs[index].isOver {
                    guard isLost(record.legs[index]) else { continue }
                    record.legs[index].recorded.end = end
                    record.legs[index].isOver = true
                    if record.isOver { record.overAt = now }
                }
            }
        }
    }

    // MARK: A router's word

    package mutating func made(_ made: LeaseMade, by router: Int, at now: Duration) {
        guard isRecording, made.lease != 0 else { return }
        let id = RequestID(origin: made.request.origin, counter: made.request.counter)
        let life = RecordedLife(worker: made.workerID, generation: made.generation)
        // The decode leg of a split request is booked as if all were there: nothing is believed of it.
        let believed = made.leg == .decode ? nil : made.promptTokens - min(made.prefillTokens, made.promptTokens)
        let isKnown = byLease[made.lease] != nil
        guard
            let added = add(
                made.lease, of: id, made.request.attempt, made.leg, on: life, made.rank, promptTokens: made.promptTokens, at: now)
        else { return }
        var isFirst = false, taken = 0
        let room = RecordLimits.heldHashes - heldHashes
        change(added) { record in
            guard let index = record.leg(of: made.lease) else { return }
            record.legs[index].recorded.believedBlocks = believed.map { $0 / max(record.blockTokens, 1) }
            if record.router == nil { record.router = router }
            if made.request.attempt == record.firstAttempt { taken = record.take(made.hashes, from: 0, room: room) }
            isFirst = record.legs.count == 1 || isKnown && index == 0
        }
        heldHashes += taken
        guard isFirst else { return }
        change(added) { $0.awaitsDecision = true }
        questions.append(Question(router: router, request: made.request))
    }

    package mutating func released(_ released: LeaseReleased, at now: Duration) {
        guard let id = byLease[released.lease] else { return }
        change(id) { record in
            guard let index = record.leg(of: released.lease), !record.legs[index].isOver else { return }
            // What a worker has had ends by its word.
            let end = RecordedEnd(released.reason)
            guard !record.legs[index].isAccepted, end != .unknown else {
                record.legs[index].released = (end, now)
                return
            }
            record.legs[index].recorded.end = end
            record.legs[index].isOver = true
            if record.isOver { record.overAt = now }
        }
    }

    /// The answer to a question; nil: there is none.
    package mutating func decided(_ request: RequestKey, _ decision: RecordedDecision?, at now: Duration) {
        let id = RequestID(origin: request.origin, counter: request.counter)
        change(id) { record in
            record.decision = decision
            record.awaitsDecision = false
        }
        closeIfComplete(id, at: now)
    }

    // MARK: A worker's word

    package mutating func event(_ event: WorkerEvent, on life: RecordedLife, at now: Duration) {
        switch event {
        case .sessionBound(let bound): sessions.bound(bound, on: life, at: now)
        case .sessionUnbound(let unbound): sessions.unbound(unbound, on: life)
        case .requestAccepted(let accepted): self.accepted(accepted, on: life, at: now)
        case .requestBlocks(let blocks): self.blocks(blocks)
        case .requestStarted(let started):
            leg(of: started.lease, on: life) { leg in
                leg.isAccepted = true
                leg.recorded.cachedTokens = started.cachedTokens
                leg.recorded.waited = .microseconds(Int64(clamping: started.waitedMicroseconds))
            }
        case .prefillDone(let done):
            leg(of: done.lease, on: life) { leg in
                leg.recorded.prefill = .microseconds(Int64(clamping: done.prefillMicroseconds))
            }
        case .requestEnded(let ended): self.ended(ended, on: life, at: now)
        case .blocksStored, .blocksRemoved, .rankCleared, .prefillProgress, .blocksGrown, .rankLoad, .stateChanged, .unknown: break
        }
    }

    private mutating func accepted(_ accepted: RequestAccepted, on life: RecordedLife, at now: Duration) {
        guard isRecording, accepted.lease != 0, !closed.contains(accepted.lease) else { return }
        let id = RequestID(origin: accepted.request.origin, counter: accepted.request.counter)
        guard
            let added = add(
                accepted.lease, of: id, accepted.request.attempt, accepted.leg, on: life, accepted.rank,
                promptTokens: accepted.promptTokens, at: now)
        else { return }
        change(added) { record in
            guard let index = record.leg(of: accepted.lease), record.legs[index].life == life else { return }
            // A router that gave it up was too early.
            if record.legs[index].isOver, !record.legs[index].isAccepted {
                record.legs[index].isOver = false
                record.overAt = nil
            }
            record.legs[index].isAccepted = true
        }
    }

    private mutating func blocks(_ blocks: RequestBlocks) {
        guard let id = byLease[blocks.lease] else { return }
        let room = RecordLimits.heldHashes - heldHashes
        var taken = 0
        change(id) { record in
            guard let index = record.leg(of: blocks.lease), record.legs[index].recorded.attempt == record.firstAttempt else { return }
            taken = record.take(blocks.hashes, from: blocks.firstBlock, room: room)
        }
        heldHashes += taken
    }

    private mutating func ended(_ ended: RequestEnded, on life: RecordedLife, at now: Duration) {
        guard isRecording, ended.lease != 0 else { return }
        guard let id = byLease[ended.lease] else {
            if !closed.contains(ended.lease) { missed.begunBefore += 1 }
            return
        }
        let blockTokens = open[id]?.blockTokens ?? 1
        let evidence = sessions.evidence(of: ended, on: life, blockTokens: blockTokens, at: now)
        change(id) { record in
            // Of what a router said to be lost the worker may still speak.
            guard let index = record.leg(of: ended.lease), record.legs[index].life == life, !record.legs[index].isToldOver else { return }
            record.legs[index].isAccepted = true
            record.legs[index].isOver = true
            record.legs[index].isToldOver = true
            record.legs[index].evidence = evidence
            record.legs[index].recorded.ended(ended)
            if record.isOver { record.overAt = now }
        }
        closeIfComplete(id, at: now)
    }

    /// A worker's stream was joined anew, and it holds these leases: others that were there have ended meanwhile, and nobody knows how.
    package mutating func rejoined(_ life: RecordedLife, held: Set<UInt64>, at now: Duration) {
        sessions.forget(life)
        guard isRecording else { return }
        endLegs(on: life, at: now, as: .unknown) { $0.isAccepted && !held.contains($0.lease) }
    }

    // MARK: A frontend's word

    package mutating func told(_ slice: RequestSlice, by frontend: UInt64, at now: Duration) {
        guard isRecording else { return }
        let id = RequestID(origin: frontend, counter: slice.counter)
        guard open[id] != nil else {
            // Of one that ran, the worker's word counts; one that was placed nowhere is known to nobody else.
            if slice.status >= Self.firstFailure { missed.unplaced += 1 }
            return
        }
        change(id) { record in
            record.slice = slice
            record.sliceAt = now
        }
        closeIfComplete(id, at: now)
    }

    private static let firstFailure: UInt16 = 400

    // MARK: Time

    /// Called a few times a second: closes what was waited for long enough.
    package mutating func tick(at now: Duration) {
        for id in open.keys.sorted() {
            change(id) { record in
                for index in record.legs.indices {
                    guard let released = record.legs[index].released, !record.legs[index].isOver else { continue }
                    guard now >= released.at + OpenRecord.settling else { continue }
                    record.legs[index].isOver = true
                    record.legs[index].recorded.end = released.end
                    if record.isOver { record.overAt = now }
                }
            }
            closeIfComplete(id, at: now)
        }
    }

    /// The last line. What is open is not in the file.
    package mutating func finish(_ cause: RecordSummary.Cause, at now: Duration) -> RecordSummary {
        // Those lack no more than a word of their frontend or of a worker.
        let over = open.filter { $0.value.isOver || $0.value.slice != nil }.sorted { $0.value.order < $1.value.order }
        for (id, _) in over { close(id) }
        missed.unfinished += UInt64(open.count)
        let summary = RecordSummary(span: now, cause: cause, requests: requests, missed: missed)
        writer.end(summary)
        return summary
    }

    private mutating func closeIfComplete(_ id: RequestID, at now: Duration) {
        if open[id]?.isComplete(at: now) == true { close(id) }
    }

    private mutating func close(_ id: RequestID) {
        guard let record = open.removeValue(forKey: id) else { return }
        for leg in record.legs {
            byLease[leg.lease] = nil
            closed.insert(leg.lease)
        }
        heldHashes -= record.hashes.count
        guard var request = record.recorded(hashes: record.hashes.map { key.hash($0) }) else {
            missed.unheardEnds += 1
            return
        }
        let session = record.session
        request.session = session.key.flatMap { sessionNumbers.number(of: $0) }
        if session.isNamed, request.session == nil { missed.unknownSessions += 1 }
        let tenant = record.slice.map(\.tenant).flatMap { $0.isEmpty ? nil : $0 } ?? session.key?.tenant ?? ""
        request.tenant = tenant.isEmpty ? nil : tenantNumbers.number(of: tenant)
        if record.decision == nil { missed.unexplained += 1 }
        if record.slice == nil { missed.untold += 1 }
        if record.hashes.count < record.fullBlocks { missed.cutHashes += 1 }
        writer.request(request)
        requests += 1
    }

    // MARK: Legs

    /// The request of a leg, which is made where it is not known. Nil: it is past a bound, or its worker is not known.
    private mutating func add(
        _ lease: UInt64, of id: RequestID, _ attempt: UInt8, _ role: Leg, on life: RecordedLife, _ rank: UInt32, promptTokens: UInt32,
        at now: Duration
    ) -> RequestID? {
        // A lease is one request's: whose it was said to be first.
        if let known = byLease[lease] { return known }
        guard let (worker, model) = fleet[life] else {
            missed.overBounds += 1
            return nil
        }
        if open[id] == nil {
            guard open.count < RecordLimits.openRequests else {
                missed.overBounds += 1
                return nil
            }
            order += 1
            open[id] = OpenRecord(
                order: order, model: model, blockTokens: fleet.blockTokens(of: model), begunAt: now, promptTokens: promptTokens)
        }
        guard let count = open[id]?.legs.count, count < RecordLimits.legs else { return nil }
        byLease[lease] = id
        change(id) { record in
            record.legs.append(
                OpenRecord.Leg(
                    lease: lease, life: life, role: role,
                    recorded: RecordedLeg(
                        attempt: attempt, role: RecordedRole(role), worker: worker, rank: rank, placed: now, end: .unknown)))
            record.overAt = nil
        }
        return id
    }

    private mutating func leg(of lease: UInt64, on life: RecordedLife, _ body: (inout OpenRecord.Leg) -> Void) {
        guard let id = byLease[lease] else { return }
        change(id) { record in
            guard let index = record.leg(of: lease), record.legs[index].life == life else { return }
            body(&record.legs[index])
        }
    }

    private mutating func change(_ id: RequestID, _ body: (inout OpenRecord) -> Void) {
        guard let index = open.index(forKey: id) else { return }
        body(&open.values[index])
    }
}
