import ClusterModel
import RequestTracking
import Testing

@Suite("Phases, and which worker serves which")
struct PlacementTests {
    @Test(
        "a leg's worker lands in the slots of its phase: an aggregated one is both",
        arguments: [
            (RequestPhase.prefill, WorkerInfo(prefillWorker: WorkerID(7), prefillRank: Rank(1))),
            (.decode, WorkerInfo(decodeWorker: WorkerID(7), decodeRank: Rank(1))),
            (
                .aggregated,
                WorkerInfo(prefillWorker: WorkerID(7), prefillRank: Rank(1), decodeWorker: WorkerID(7), decodeRank: Rank(1))
            ),
        ])
    func slots(phase: RequestPhase, expected: WorkerInfo) throws {
        var tracker = tracker()
        #expect(try tracker.place(phase, 7, rank: 1) == [])
        #expect(tracker.workerInfo == expected && tracker.phase == phase)
        #expect(tracker.prefillWorkerType == (phase == .decode ? nil : .decode))
        #expect(tracker.decodeWorkerType == (phase == .prefill ? nil : .decode))
    }

    @Test("phases and worker types have the texts that clients and dashboards know")
    func texts() {
        #expect(RequestPhase.allCases.map(\.description) == ["prefill", "decode", "aggregated"])
        #expect(WorkerType.allCases.map(\.description) == ["prefill", "decode"])
    }

    @Test("worker 0 and the largest rank are a worker and a rank like any other")
    func noSentinels() throws {
        var tracker = tracker()
        try tracker.place(.prefill, 0, rank: .max)
        #expect(tracker.workerInfo == WorkerInfo(prefillWorker: WorkerID(0), prefillRank: Rank(.max)))
        #expect(try tracker.place(.prefill, 1, rank: 0).count == 2)
    }

    @Test("another worker for the same phase changes nothing, and each cell that says otherwise is told")
    func conflicts() throws {
        var tracker = tracker()
        try tracker.place(.prefill, 7, rank: 1, type: .prefill)
        #expect(
            try tracker.place(.prefill, 8, rank: 2, type: .decode) == [
                conflict(.prefillWorker, "7", "8"), conflict(.prefillRank, "1", "2"), conflict(.prefillType, "prefill", "decode"),
            ])
        #expect(tracker.workerInfo == WorkerInfo(prefillWorker: WorkerID(7), prefillRank: Rank(1)) && tracker.prefillWorkerType == .prefill)
        #expect(try tracker.place(.prefill, 7, rank: 2, type: .prefill) == [conflict(.prefillRank, "1", "2")])
        #expect(conflict(.decodeWorker, "7", "8").description == "decode_worker_id is 7, not 8")
    }

    @Test("an aggregated leg conflicts with each slot for itself")
    func aggregatedConflicts() throws {
        var tracker = tracker()
        try tracker.place(.prefill, 7, rank: 0)
        #expect(try tracker.place(.aggregated, 8, rank: 0) == [conflict(.prefillWorker, "7", "8")])
        #expect(tracker.workerInfo?.prefillWorker == WorkerID(7) && tracker.workerInfo?.decodeWorker == WorkerID(8))
    }

    @Test("the same worker again is silent")
    func same() throws {
        var tracker = tracker()
        try tracker.place(.aggregated, 7, rank: 1)
        #expect(try tracker.place(.aggregated, 7, rank: 1) == [])
    }

    @Test("a rank that is not known leaves its cell free until it is")
    func lateRank() throws {
        var tracker = tracker()
        try tracker.place(.decode, 7, rank: nil)
        #expect(tracker.workerInfo == WorkerInfo(decodeWorker: WorkerID(7)))
        #expect(try tracker.place(.decode, 7, rank: 3) == [])
        #expect(tracker.workerInfo?.decodeRank == Rank(3))
        #expect(try tracker.place(.decode, 7, rank: nil) == [])
    }

    @Test("the rank of another worker does not become the rank of the one that is there")
    func foreignRank() throws {
        var tracker = tracker()
        try tracker.place(.decode, 7, rank: nil)
        #expect(try tracker.place(.decode, 8, rank: 5) == [conflict(.decodeWorker, "7", "8")])
        #expect(tracker.workerInfo == WorkerInfo(decodeWorker: WorkerID(7)))
    }

    // MARK: The permit

    @Test("there is one permit at a time; the next phase has it when the first gave it back")
    func onePermit() throws {
        var tracker = tracker()
        let first = try tracker.enter(.prefill)
        #expect(throws: PhaseRefusal.permitIsOut(.prefill)) { try tracker.place(.decode, 2) }
        #expect(tracker.phase == .prefill)
        _ = try tracker.recordWorker(WorkerID(1), rank: nil, type: .prefill, first)
        tracker.leave(first)
        try tracker.place(.decode, 2)
        #expect(tracker.phase == .decode)
        #expect(tracker.workerInfo?.prefillWorker == WorkerID(1) && tracker.workerInfo?.decodeWorker == WorkerID(2))
    }

    @Test("L2: what is recorded with a permit lands in the slot of its phase, whatever is tried meanwhile")
    func permitKnowsItsPhase() throws {
        var tracker = tracker()
        let prefill = try tracker.enter(.prefill)
        #expect(throws: PhaseRefusal.self) { try tracker.place(.decode, 2) }
        _ = try tracker.recordWorker(WorkerID(1), rank: Rank(0), type: .prefill, prefill)
        tracker.leave(prefill)
        #expect(tracker.workerInfo == WorkerInfo(prefillWorker: WorkerID(1), prefillRank: Rank(0)))
    }

    @Test("a permit of an attempt that is over records nothing, and blocks nobody")
    func oldPermit() throws {
        var tracker = tracker()
        let old = try tracker.enter(.decode)
        tracker.beginAttempt()
        let new = try tracker.enter(.prefill)
        let refusal: PhaseRefusal?
        do throws(PhaseRefusal) {
            _ = try tracker.recordWorker(WorkerID(1), rank: nil, type: .decode, old)
            refusal = nil
        } catch { refusal = error }
        #expect(refusal == .permitIsOver && tracker.workerInfo == nil)
        tracker.leave(old)
        #expect(throws: PhaseRefusal.permitIsOut(.prefill)) { try tracker.place(.decode, 2) }
        _ = try tracker.recordWorker(WorkerID(3), rank: nil, type: .prefill, new)
        tracker.leave(new)
        #expect(tracker.workerInfo == WorkerInfo(prefillWorker: WorkerID(3)))
    }

    // MARK: Attempts

    @Test("another attempt frees the workers, so that its placement is no conflict, and keeps what was first for the request")
    func attempts() throws {
        var tracker = tracker()
        tracker.beginAttempt()
        try tracker.place(.aggregated, 7, rank: 1)
        tracker.recordPrefillStart(at: at(3))
        tracker.recordHit(overlapBlocks: 3, promptBlocks: 10)
        tracker.recordQueueDepth(4)
        tracker.recordInput(tokens: 640, cachedTokens: 192)
        tracker.recordFirstToken(of: .aggregated, at: at(9))
        tracker.beginAttempt()
        #expect(tracker.attempt == 2 && tracker.workerInfo == nil && tracker.decodeWorkerType == nil)
        #expect(try tracker.place(.aggregated, 8, rank: nil) == [])
        tracker.recordPrefillStart(at: at(30))
        tracker.recordHit(overlapBlocks: 9, promptBlocks: 11)
        tracker.recordQueueDepth(0)
        tracker.recordInput(tokens: 700, cachedTokens: 0)
        tracker.recordFirstToken(of: .aggregated, at: at(40))
        #expect(tracker.workerInfo == WorkerInfo(prefillWorker: WorkerID(8), decodeWorker: WorkerID(8)))
        #expect(tracker.prefillWait == ms(3) && tracker.timeToFirstToken == ms(9) && tracker.hitRate == 0.3)
        #expect(tracker.routerQueueDepth == 4 && tracker.inputTokens == 640 && tracker.cachedTokens == 192)
    }

    @Test("half a transfer of an attempt that failed is not made whole by the next; a whole one stays")
    func transferOverAttempts() {
        var tracker = tracker { $0.recordPrefillComplete(at: at(10)) }
        tracker.beginAttempt()
        tracker.recordFirstToken(of: .decode, at: at(50))
        #expect(tracker.kvTransferEstimate == nil)
        tracker.recordPrefillComplete(at: at(48))
        #expect(tracker.kvTransferEstimate == ms(2))
        tracker.beginAttempt()
        tracker.recordPrefillComplete(at: at(60))
        tracker.recordFirstToken(of: .decode, at: at(90))
        #expect(tracker.kvTransferEstimate == ms(2))
    }

    @Test("attempts are counted up to the largest number and no further")
    func manyAttempts() {
        var tracker = tracker()
        for _ in 0..<300 { tracker.beginAttempt() }
        #expect(tracker.attempt == .max)
    }
}
