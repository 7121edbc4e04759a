import ClusterModel
import Scheduling
import Testing

@Suite("Pins, sessions and busy placements")
struct BindingTests {
    static let selector = PlacementSelector(.kv)

    /// Worker 2 has two ranks, the first with more requests.
    static func pool(_ change: (inout [Candidate]) -> Void = { _ in }) -> [Candidate] {
        var pool = [candidate(1), candidate(2, 0, requests: 4), candidate(2, 1, requests: 1), candidate(3)]
        change(&pool)
        return pool
    }

    static func session(_ worker: UInt64, hard: Bool, rank: UInt32? = nil) -> SessionPlace {
        SessionPlace(target: PlacementTarget(worker: WorkerID(worker), rank: rank.map(Rank.init)), isHard: hard)
    }

    static func busy(_ pool: inout [Candidate], _ indices: Int...) { for index in indices { pool[index].load.waitingTokens = 1_001 } }

    // MARK: C.2

    @Test("C.2: no pin is a choice among all, and a question books nothing but is answered alike")
    func noPin() {
        #expect(Self.selector.place(query { $0.allowed = WorkerList([3]) }, Self.pool()) == .success(place(3)))
        #expect(
            Self.selector.place(
                query {
                    $0.allowed = WorkerList([3])
                    $0.isQuestion = true
                }, Self.pool()) == .success(place(3)))
    }

    @Test("C.2: a pin with its rank is bound to it, and waits while it is busy")
    func pinWithRank() {
        let asked = query { $0.pins = [pin(2, 0)] }
        #expect(Self.selector.place(asked, Self.pool()) == .success(place(2, 0)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 1) }) == .failure(.busy))
    }

    @Test("C.2, L17: a pin without a rank is that worker's least loaded one, with a place that can be booked")
    func pinWithoutRank() throws {
        let asked = query { $0.pins = [pin(2)] }
        #expect(Self.selector.place(asked, Self.pool()) == .success(place(2, 1)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 2) }) == .success(place(2, 0)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 1, 2) }) == .failure(.busy))
        var random = SeededRandom(seed: 1), scratch = SelectionScratch()
        let pool = Self.pool()
        let decision = try Self.selector.decide(asked, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        #expect(decision.first.choice.index == 2 && decision.first.choice.generation == pool[2].generation)
    }

    @Test("C.2: a pinned question is answered though its rank is busy")
    func pinnedQuestion() {
        let asked = query {
            $0.pins = [pin(2, 0)]
            $0.isQuestion = true
        }
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 1) }) == .success(place(2, 0)))
    }

    @Test("L11: a pin to nobody is named, whichever part of it is wrong")
    func unknown() {
        #expect(Self.selector.place(query { $0.pins = [pin(9)] }, Self.pool()) == .failure(.unknownWorker(WorkerID(9))))
        #expect(Self.selector.place(query { $0.pins = [pin(2, 7)] }, Self.pool()) == .failure(.unknownWorker(WorkerID(2))))
    }

    struct Hint: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let leg: PlacementRole
        let pins: [PlacementPin]
        let expected: PlacementTarget?
    }

    static let hints = [
        Hint(
            testDescription: "prefill uses the backend where nothing else is said", leg: .prefill, pins: [pin(1, 3)],
            expected: pin(1, 3).target),
        Hint(
            testDescription: "decode uses the backend where nothing else is said", leg: .decode, pins: [pin(1, 3)],
            expected: pin(1, 3).target),
        Hint(
            testDescription: "a whole request uses the decode worker that prefills it", leg: .aggregated, pins: [pin(5, 6, .decode)],
            expected: pin(5, 6).target),
        Hint(testDescription: "a pin of the prefill binds no decode", leg: .decode, pins: [pin(2, 4, .prefill)], expected: nil),
        Hint(testDescription: "a pin of the decode binds no prefill", leg: .prefill, pins: [pin(5, 6, .decode)], expected: nil),
    ]

    // As a frontend makes pins: one of the whole from `backend_instance_id` and `dp_rank`, and one of each leg.

    @Test("C.2: a prefill leg is bound by its own pin, and by its own rank, before that of the whole request")
    func pinnedWorkerHintPrefillUsesPrefillWorkerBeforeBackend() {
        let pins = [pin(1, 3), pin(2, 4, .prefill)]
        #expect(query { $0.pins = pins }.pin(for: .prefill)?.target == pin(2, 4).target)
        #expect(query { $0.pins = pins.reversed() }.pin(for: .prefill)?.target == pin(2, 4).target)
    }

    @Test("C.2: a decode leg is bound by its own pin before that of the whole request")
    func pinnedWorkerHintDecodeUsesDecodeWorkerBeforeBackend() {
        let pins = [pin(1, 6), pin(5, 6, .decode)]
        #expect(query { $0.pins = pins }.pin(for: .decode)?.target == pin(5, 6).target)
        #expect(query { $0.pins = pins.reversed() }.pin(for: .decode)?.target == pin(5, 6).target)
    }

    @Test("C.2: a whole request is bound by the pin of the whole, whatever its legs are pinned to")
    func pinnedWorkerHintAggregatedUsesBackendWorker() {
        #expect(query { $0.pins = [pin(9, 7)] }.pin(for: .aggregated)?.target == pin(9, 7).target)
        #expect(query { $0.pins = [pin(5, 6, .decode), pin(9, 7)] }.pin(for: .aggregated)?.target == pin(9, 7).target)
        #expect(query { $0.pins = [pin(2, 4, .prefill)] }.pin(for: .aggregated) == nil)
    }

    @Test("C.2: where a leg has no pin of its own, another one may bind it", arguments: hints)
    func pinned(_ hint: Hint) { #expect(query { $0.pins = hint.pins }.pin(for: hint.leg)?.target == hint.expected) }

    // MARK: Sessions

    @Test("a soft session is followed, and spilled from when its worker is busy or gone")
    func softSession() {
        let asked = query {
            $0.session = Self.session(2, hard: false)
            $0.excluded = WorkerList([1])
        }
        #expect(Self.selector.place(asked, Self.pool()) == .success(place(2, 1)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 1, 2) }) == .success(place(3)))
        #expect(Self.selector.place(asked, [candidate(3)]) == .success(place(3)))
    }

    @Test("a hard session waits for its worker, and has no place without it")
    func hardSession() {
        let asked = query { $0.session = Self.session(2, hard: true) }
        #expect(Self.selector.place(asked, Self.pool()) == .success(place(2, 1)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 1, 2) }) == .failure(.busy))
        #expect(Self.selector.place(asked, [candidate(3)]) == .failure(.noWorker))
    }

    @Test("a pin against a hard session is a conflict, against a soft one it wins")
    func pinAndSession() {
        let hard = query {
            $0.session = Self.session(2, hard: true, rank: 0)
            $0.pins = [pin(1)]
        }
        #expect(Self.selector.place(hard, Self.pool()) == .failure(.pinConflict(WorkerID(1))))
        let rank = query {
            $0.session = Self.session(2, hard: true, rank: 0)
            $0.pins = [pin(2, 1)]
        }
        #expect(Self.selector.place(rank, Self.pool()) == .failure(.pinConflict(WorkerID(2))))
        let agreeing = query {
            $0.session = Self.session(2, hard: true, rank: 0)
            $0.pins = [pin(2)]
        }
        #expect(Self.selector.place(agreeing, Self.pool()) == .success(place(2, 0)))
        let soft = query {
            $0.session = Self.session(2, hard: false)
            $0.pins = [pin(1)]
        }
        #expect(Self.selector.place(soft, Self.pool()) == .success(place(1)))
    }

    @Test("where a request was before is taken first, unless it is busy")
    func preference() {
        let asked = query {
            $0.session = Self.session(2, hard: false)
            $0.preferred = PlacementTarget(worker: WorkerID(3), rank: nil)
        }
        #expect(Self.selector.place(asked, Self.pool()) == .success(place(3)))
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 3) }) == .success(place(2, 1)))
    }

    // MARK: Busy

    @Test("D.2: a busy placement gets no new plan, and all busy is worth waiting for")
    func busy() {
        #expect(Self.selector.place(query(), [candidate(1, waiting: 1_001), candidate(2, waiting: 1_000)]) == .success(place(2)))
        #expect(Self.selector.place(query(), [candidate(1, waiting: 1_001), candidate(2, waiting: 1_001)]) == .failure(.busy))
        #expect(Self.selector.place(query(), [candidate(1, ready: false), candidate(2, waiting: 1_001)]) == .failure(.busy))
        #expect(Self.selector.place(query(), [candidate(1, ready: false)]) == .failure(.noWorker))
    }

    @Test("D.2: a list of allowed workers raises nobody's capacity")
    func allowedAndBusy() {
        let asked = query { $0.allowed = WorkerList([1]) }
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 0) }) == .failure(.busy))
    }

    @Test("C.2, D.2: a question is answered with a busy placement only where all are busy")
    func question() {
        let asked = query { $0.isQuestion = true }
        #expect(Self.selector.place(asked, Self.pool { Self.busy(&$0, 0, 1, 2) }) == .success(place(3)))
        var random = SeededRandom(seed: 1), scratch = SelectionScratch()
        let all = Self.pool { Self.busy(&$0, 0, 1, 2, 3) }
        #expect(
            (try? Self.selector.decide(asked, among: all, blocks: BlockMatches(), scratch: &scratch, random: &random)) != nil)
    }

    @Test("D.2: a rank that has not said what it computes in a step is judged by its tokens and its blocks alone")
    func unknownStep() {
        var selector = PlacementSelector(.kv), rank = candidate(1)
        rank = Candidate(
            placement: rank.placement, generation: rank.generation, role: .aggregated, capabilities: 0, maxBatchedTokens: 0, isReady: true)
        rank.load.waitingTokens = 10_000_000
        #expect(selector.place(query(), [rank]) == .success(place(1)))
        selector.settings.thresholds.waitingTokens = 9_999_999
        #expect(selector.place(query(), [rank]) == .failure(.busy))
        selector.settings.thresholds.waitingTokens = 10_000_000
        #expect(selector.place(query(), [rank]) == .success(place(1)))
        (rank.load.totalBlocks, rank.load.activeBlocks) = (100, 95)
        #expect(selector.place(query(), [rank]) == .failure(.busy))
    }

    @Test("D.2: thresholds can be changed while the router runs, and what is booked counts before the worker has spoken")
    func thresholds() {
        var selector = PlacementSelector(.kv)
        var one = candidate(1)
        one.load.bookedTokens = 1_001
        #expect(selector.place(query(), [one]) == .failure(.busy))
        selector.settings.thresholds.waitingBatches = 2
        #expect(selector.place(query(), [one]) == .success(place(1)))
        one.load.activeBlocks = 950
        #expect(selector.place(query(), [one]) == .failure(.busy))
        one.load.activeBlocks = 949
        one.load.ledgerBlocks = 950
        #expect(selector.place(query(), [one]) == .failure(.busy))
        selector.settings.thresholds = .off
        #expect(selector.place(query(), [one]) == .success(place(1)))
    }
}
