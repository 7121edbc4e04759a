import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// One link of a `Responder`.
@LoopActor
final class ResponderLink: LinkHandler {
    let link: Link
    private let loop: Loop
    private let identity: Identity
    private let file: ResponderFile
    private let ended: @LoopActor (Link, LinkEnd) -> Void
    private var rooms: [UInt32: ResponderRoom] = [:]
    private var generations: [UInt64: ResponderGeneration] = [:]
    private var nextLease: UInt64 = 1

    /// Bytes of KV chunks that a peer may have under way.
    private static let credits: UInt32 = 8 << 20

    init(_ link: Link, loop: Loop, identity: Identity, file: ResponderFile, ended: @escaping @LoopActor (Link, LinkEnd) -> Void) {
        self.link = link
        self.loop = loop
        self.identity = identity
        self.file = file
        self.ended = ended
    }

    func link(_ link: Link, ended end: LinkEnd) {
        for generation in generations.values { generation.cancel() }
        generations.removeAll()
        ended(link, end)
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerWorker:
                _ = try Codec.decodeBody(RegisterWorker.self, from: body)
                link.answer(header, with: WorkerRegistered(events: .exact, parityFollows: false, warnings: []))
            case .parityProbe: link.answer(header, with: parity(try Codec.decodeBody(ParityProbe.self, from: body)))
            case .drainNotice: _ = try Codec.decodeBody(DrainNotice.self, from: body)
            case .closeSession: _ = try Codec.decodeBody(CloseSession.self, from: body)
            case .registerFrontend:
                _ = try Codec.decodeBody(RegisterFrontend.self, from: body)
                link.answer(header, with: FrontendRegistered())
            case .registerRouter:
                _ = try Codec.decodeBody(RegisterRouter.self, from: body)
                link.answer(header, with: RouterRegistered())
            case .routeBatch: route(try Codec.decodeBody(RouteBatch.self, from: body), origin: header.origin)
            case .cancelRoute: _ = try Codec.decodeBody(CancelRoute.self, from: body)
            case .leasesEnded: _ = try Codec.decodeBody(LeasesEnded.self, from: body)
            case .explainQuestion:
                _ = try Codec.decodeBody(ExplainQuestion.self, from: body)
                link.answer(header, with: Failure(.notFound, field: "request", reason: "this responder keeps no decisions"))
            case .generateBatch: generate(try Codec.decodeBody(GenerateBatch.self, from: body), origin: header.origin)
            case .cancelBatch: cancel(try Codec.decodeBody(CancelBatch.self, from: body))
            case .openSession, .endSession:
                link.answer(header, with: Failure(.sessionUnsupported, reason: "this responder holds no sessions"))
            case .roomOpen, .kvChunk, .roomEnd, .roomAbort: try room(header, body)
            case .replayQuestion: replay(try Codec.decodeBody(ReplayQuestion.self, from: body), header)
            case .snapshotQuestion: snapshot(try Codec.decodeBody(SnapshotQuestion.self, from: body), header)
            case .fileQuestion: file(try Codec.decodeBody(FileQuestion.self, from: body), header)
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch {
            link.malformed(header, error)
        }
    }

    // MARK: Control

    private func parity(_ probe: ParityProbe) -> ParityAnswer {
        ParityAnswer(
            lists: probe.lists.map { list in
                // Items of a prompt are hashed into every block that they touch; the responder takes text only, and says so by no hashes.
                let salt = CacheSalt(bytes: list.salt)
                guard list.multimodal.isEmpty, list.salt.isEmpty || salt != nil else { return ParityHashes() }
                let hasher = BlockHasher(blockSize: list.blockSize, adapter: list.loRA, salt: salt)
                var blocks: [BlockHash] = [], sequence: [SequenceHash] = []
                hasher.appendBlockHashes(of: list.tokens.span, to: &blocks)
                hasher.appendSequenceHashes(of: list.tokens.span, after: nil, to: &sequence)
                return ParityHashes(blockHashes: blocks.map(\.rawValue), sequenceHashes: sequence.map(\.rawValue))
            })
    }

    // MARK: Route

    /// Everything is placed on the responder itself.
    private func route(_ batch: RouteBatch, origin: UInt64) {
        let plans = batch.entries.map { entry in
            var plan = PlanEntry()
            plan.counter = entry.counter
            plan.attempt = entry.attempt
            plan.outcome = entry.queryOnly ? .queryOnly : .placed
            plan.routerID = identity.id
            if let pool = entry.pool { plan.pool = pool.digest }
            plan.promptBlocks = entry.blockSize == 0 ? 0 : (entry.tokenCount + entry.blockSize - 1) / entry.blockSize
            var leg = PlanLeg()
            leg.leg = .aggregated
            leg.workerID = identity.id
            leg.generation = identity.generation
            if !entry.queryOnly {
                leg.lease = nextLease
                nextLease += 1
            }
            plan.legs = [leg]
            return plan
        }
        link.send(PlanBatch(entries: plans), origin: origin)
    }

    // MARK: Data

    private func generate(_ batch: GenerateBatch, origin: UInt64) {
        var statuses: [StatusEntry] = []
        for entry in batch.entries {
            guard generations[entry.counter] == nil, generations.count < Responder.openRequests else {
                var refused = RefusedStatus()
                refused.counter = entry.counter
                refused.attempt = entry.attempt
                refused.leg = entry.leg
                refused.failure.code = generations[entry.counter] == nil ? .capacity : .duplicate
                statuses.append(.refusedStatus(refused))
                continue
            }
            var accepted = AcceptedStatus(), started = StartedStatus()
            accepted.counter = entry.counter
            accepted.attempt = entry.attempt
            accepted.leg = entry.leg
            started.counter = entry.counter
            started.attempt = entry.attempt
            started.leg = entry.leg
            statuses += [.acceptedStatus(accepted), .startedStatus(started)]
            let generation = ResponderGeneration(entry, origin: origin, link: link, loop: loop) { [weak self] in
                self?.generations[entry.counter] = nil
            }
            generations[entry.counter] = generation
            generation.start()
        }
        link.send(StatusBatch(entries: statuses), origin: origin)
    }

    private func cancel(_ batch: CancelBatch) {
        for request in batch.requests { generations[request.counter]?.end(.cancelled) }
    }

    // MARK: KV

    private func room(_ header: MessageHeader, _ body: RawSpan) throws(WireError) {
        switch header.kind {
        case .roomOpen:
            let open = try Codec.decodeBody(RoomOpen.self, from: body)
            guard rooms.count < Responder.openRequests else {
                return link.answer(header, with: Failure(.capacity, field: "roomNumber", reason: "too many open rooms"))
            }
            rooms[open.roomNumber] = ResponderRoom()
            link.answer(header, with: RoomReady(roomNumber: open.roomNumber, credits: Self.credits, heldBlocks: 0, nextChunk: 0))
        case .kvChunk:
            let chunk = try Codec.decodeBody(KVChunk.self, from: body)
            guard let problem = rooms[chunk.roomNumber]?.store(chunk) else {
                let next = rooms[chunk.roomNumber]?.nextChunk ?? 0
                return link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: next, credits: UInt32(clamping: chunk.data.count)))
            }
            abort(chunk.roomNumber, problem)
        case .roomEnd:
            let end = try Codec.decodeBody(RoomEnd.self, from: body)
            let problem = rooms[end.roomNumber].map { $0.problem(with: end) } ?? .roomClosed
            let stored = rooms.removeValue(forKey: end.roomNumber)?.blocks ?? 0
            if let problem {
                link.answer(header, with: Failure(problem, field: "roomNumber", reason: "the room does not hold what was sent"))
            } else {
                link.answer(header, with: RoomDone(roomNumber: end.roomNumber, storedBlocks: stored))
            }
        default: rooms[try Codec.decodeBody(RoomAbort.self, from: body).roomNumber] = nil
        }
    }

    private func abort(_ room: UInt32, _ code: FailureCode) {
        rooms[room] = nil
        var abort = RoomAbort()
        abort.roomNumber = room
        abort.failure.code = code
        link.send(abort)
    }

    // MARK: Recovery

    private func replay(_ question: ReplayQuestion, _ header: MessageHeader) {
        var answer = ReplayAnswer()
        answer.generation = identity.generation
        // Its stream is empty: nothing was ever published.
        answer.outcome = question.generation == identity.generation ? .tooNew : .wrongGeneration
        link.answer(header, with: answer)
    }

    private func snapshot(_ question: SnapshotQuestion, _ header: MessageHeader) {
        var page = SnapshotPage()
        page.generation = identity.generation
        page.section = question.cursor.section
        page.fromHash = question.cursor.fromHash
        page.throughHash = .max
        link.answer(header, with: page, compressed: true)
    }

    private func file(_ question: FileQuestion, _ header: MessageHeader) {
        guard question.digest == file.digest else {
            return link.answer(header, with: Failure(.notFound, field: "digest", reason: "no file of that digest"))
        }
        guard question.offset <= UInt64(file.bytes.count) else {
            return link.answer(header, with: Failure(.invalidArgument, field: "offset", reason: "the file is shorter"))
        }
        let start = Int(question.offset), end = min(start + Limits.fileChunkBytes, file.bytes.count)
        let answer = FileAnswer(
            digest: file.digest, offset: question.offset, totalBytes: UInt64(file.bytes.count), data: Array(file.bytes[start..<end]))
        link.answer(header, with: answer, compressed: true)
    }
}
