import ClusterModel
import JSONText
import RequestTracking
import Testing

@Suite("Stages of a request")
struct StageTests {
    /// Asked at 2 and answered at 6, of which 3 in the queue; sent at 8, accepted at 9; first token at 30, finish at 60.
    private func whole(_ change: (inout RequestTracker) -> Void = { _ in }) -> RequestTracker {
        tracker {
            $0.recordTokenize(ms(1))
            $0.recordRoute(asked: at(2), answered: at(6), RouterSlice(queue: ms(3), overlapBlocks: 1, promptBlocks: 4, queueDepth: 2))
            $0.recordPrefillStart(at: at(8))
            $0.recordAccepted(of: .aggregated, at: at(9))
            $0.recordWorkerTimes(WorkerSlice(waited: ms(5)), of: .aggregated)
            $0.recordWorkerTimes(WorkerSlice(prefill: ms(12)), of: .aggregated)
            $0.recordFirstToken(of: .aggregated, at: at(30))
            $0.recordDetokenize(ms(2))
            $0.recordWrite(ms(4))
            $0.recordFinish(at: at(60))
            change(&$0)
        }
    }

    @Test("each stage is what its owner measured, and what overlaps is counted once")
    func parts() {
        let stages = whole().stages
        #expect(stages.tokenize == ms(1) && stages.route == ms(1) && stages.queue == ms(3))
        #expect(stages.dispatch == ms(3) && stages.workerWait == ms(5) && stages.prefill == ms(12))
        #expect(stages.transfer == nil && stages.decode == ms(24) && stages.detokenize == ms(2) && stages.write == ms(4))
        #expect(stages.clampedRests == 0 && stages.sum == ms(55))
    }

    @Test("what a router says of the prompt and its queue is recorded with its answer")
    func routerSlice() {
        let tracker = whole()
        #expect(tracker.hitRate == 0.25 && tracker.routerQueueDepth == 2 && tracker.decision == .zero)
    }

    @Test("a router that was parked for longer than its answer took is cut, and counted")
    func longQueue() {
        let stages = tracker {
            $0.recordRoute(asked: at(2), answered: at(6), RouterSlice(queue: ms(9)))
            $0.recordFinish(at: at(10))
        }.stages
        #expect(stages.queue == ms(4) && stages.route == .zero && stages.clampedRests == 1)
    }

    @Test("a worker that says more than there was between dispatch and first token is cut in the order of its parts, and counted once")
    func longWorker() {
        let stages = whole { $0.recordWorkerTimes(WorkerSlice(exposedTransfer: ms(20)), of: .aggregated) }.stages
        #expect(stages.workerWait == ms(5) && stages.prefill == ms(12) && stages.transfer == ms(5) && stages.dispatch == ms(2))
        #expect(stages.clampedRests == 1)
        let wait = tracker {
            $0.recordPrefillStart(at: at(8))
            $0.recordWorkerTimes(WorkerSlice(waited: ms(90), prefill: ms(12)), of: .aggregated)
            $0.recordFirstToken(of: .aggregated, at: at(30))
        }.stages
        #expect(wait.workerWait == ms(22) && wait.prefill == .zero && wait.clampedRests == 1)
    }

    @Test("news of the acceptance that come with the first token do not make the worker's time the network's")
    func lateAcceptance() {
        let stages = tracker {
            $0.recordRoute(asked: at(0), answered: at(1), RouterSlice())
            $0.recordPrefillStart(at: at(2))
            $0.recordWorkerTimes(WorkerSlice(waited: ms(3), prefill: ms(6)), of: .aggregated)
            $0.recordAccepted(of: .aggregated, at: at(12))
            $0.recordFirstToken(of: .aggregated, at: at(12))
            $0.recordFinish(at: at(12))
        }.stages
        #expect(stages.workerWait == ms(3) && stages.prefill == ms(6) && stages.dispatch == ms(2) && stages.clampedRests == 0)
        #expect(stages.sum == ms(12))
    }

    @Test("text and writing that took longer than there was leave decode at 0, and are counted")
    func longText() {
        let stages = whole { $0.recordDetokenize(ms(500)) }.stages
        #expect(stages.decode == .zero && stages.detokenize == ms(30) && stages.write == .zero && stages.clampedRests == 1)
    }

    @Test("a stage that did not happen is absent, one that took no time is 0")
    func absent() {
        let stages = tracker {
            $0.recordRoute(asked: at(1), answered: at(3), nil)
            $0.recordFinish(at: at(5))
        }.stages
        #expect(stages.route == ms(2) && stages.queue == nil && stages.dispatch == nil && stages.decode == nil)
        #expect(String(decoding: stages.json, as: UTF8.self) == #"{"route_ms":2.0}"#)
        #expect(String(decoding: tracker().stages.json, as: UTF8.self) == "{}")
    }

    @Test("until there is a finish the stages are those that were, uncut")
    func underWay() {
        let stages = tracker {
            $0.recordTokenize(ms(1))
            $0.recordFirstToken(of: .aggregated, at: at(4))
            $0.recordDetokenize(ms(9))
        }.stages
        #expect(stages.tokenize == ms(1) && stages.detokenize == ms(9) && stages.decode == nil && stages.clampedRests == 0)
    }

    // MARK: Split requests

    @Test("where the decode leg gives the first token, the exposed transfer lies before it, and the whole transfer is no stage")
    func sequential() {
        let stages = tracker {
            $0.recordPrefillStart(at: at(2))
            $0.recordWorkerTimes(
                WorkerSlice(waited: ms(1), prefill: ms(6), transfer: ms(9), exposedTransfer: ms(4)), of: .prefill)
            $0.recordWorkerTimes(WorkerSlice(waited: ms(77), prefill: ms(77), decode: ms(8)), of: .decode)
            $0.recordFirstToken(of: .decode, at: at(20))
            $0.recordFinish(at: at(30))
        }
        #expect(stages.stages.workerWait == ms(1) && stages.stages.prefill == ms(6) && stages.stages.transfer == ms(4))
        #expect(stages.stages.decode == ms(10) && stages.stages.clampedRests == 0)
        #expect(stages.promptWorkerTimes.transfer == ms(9) && stages.outputWorkerTimes.decode == ms(8))
    }

    @Test("dispatch ends where the leg that computes the prompt is accepted, whenever the other one is")
    func accepted() {
        let stages = tracker {
            $0.recordRoute(asked: at(0), answered: at(1), RouterSlice())
            $0.recordPrefillStart(at: at(1))
            $0.recordAccepted(of: .decode, at: at(2))
            $0.recordAccepted(of: .prefill, at: at(5))
            $0.recordFirstToken(of: .prefill, at: at(9))
            $0.recordFinish(at: at(12))
        }.stages
        #expect(stages.dispatch == ms(4) && stages.clampedRests == 0)
    }

    @Test("a place that is asked for behind the first token is time between tokens, in the router's stages as little as in its depth")
    func lateRoute() {
        let stages = tracker {
            $0.recordRoute(asked: at(0), answered: at(1), RouterSlice(queue: ms(1), queueDepth: 3))
            $0.recordFirstToken(of: .prefill, at: at(9))
            $0.recordRoute(asked: at(10), answered: at(40), RouterSlice(queue: ms(25), queueDepth: 8))
            $0.recordFinish(at: at(50))
            #expect($0.routerQueueDepth == 3)
        }.stages
        #expect(stages.route == .zero && stages.queue == ms(1) && stages.decode == ms(41) && stages.clampedRests == 0)
    }

    @Test("where the prefill leg gives the first token, the transfer is what the second waits for, and is taken out of decode")
    func concurrent() {
        var tracker = tracker {
            $0.recordPrefillStart(at: at(2))
            $0.recordWorkerTimes(WorkerSlice(waited: ms(1), prefill: ms(6), exposedTransfer: ms(4)), of: .prefill)
            $0.recordFirstToken(of: .prefill, at: at(10))
            $0.recordFirstToken(of: .decode, at: at(16))
            $0.recordFinish(at: at(30))
        }
        #expect(tracker.stages.transfer == ms(4) && tracker.stages.decode == ms(16) && tracker.stages.clampedRests == 0)
        tracker.beginAttempt()
        #expect(tracker.stages.transfer == ms(4))
    }

    @Test("a transfer that is said to be longer than the wait for the decode leg's first token is cut, and counted")
    func longTransfer() {
        let stages = tracker {
            $0.recordWorkerTimes(WorkerSlice(exposedTransfer: ms(40)), of: .prefill)
            $0.recordFirstToken(of: .prefill, at: at(10))
            $0.recordFirstToken(of: .decode, at: at(16))
            $0.recordFinish(at: at(30))
        }.stages
        #expect(stages.transfer == ms(6) && stages.decode == ms(14) && stages.clampedRests == 1)
    }

    // MARK: Attempts

    @Test("attempts before the first token add up their ways; of workers the one counts that gave the first token")
    func attemptsBefore() {
        let stages = tracker {
            $0.beginAttempt()
            $0.recordRoute(asked: at(1), answered: at(4), RouterSlice(queue: ms(1)))
            $0.recordPrefillStart(at: at(5))
            $0.recordAccepted(of: .aggregated, at: at(7))
            $0.recordWorkerTimes(WorkerSlice(waited: ms(2), prefill: ms(50)), of: .aggregated)
            $0.beginAttempt()
            $0.recordRoute(asked: at(20), answered: at(22), RouterSlice(queue: ms(2)))
            $0.recordPrefillStart(at: at(23))
            $0.recordAccepted(of: .aggregated, at: at(24))
            $0.recordWorkerTimes(WorkerSlice(prefill: ms(5)), of: .aggregated)
            $0.recordFirstToken(of: .aggregated, at: at(30))
            $0.recordFinish(at: at(31))
        }.stages
        #expect(stages.route == ms(2) && stages.queue == ms(3) && stages.dispatch == ms(5))
        #expect(stages.workerWait == nil && stages.prefill == ms(5) && stages.decode == ms(1))
    }

    @Test("what an attempt after the first token needs to go on is time between tokens")
    func attemptsAfter() {
        var tracker = whole()
        let before = tracker.stages
        tracker.beginAttempt()
        tracker.recordRoute(asked: at(31), answered: at(40), RouterSlice(queue: ms(30)))
        tracker.recordPrefillStart(at: at(41))
        tracker.recordAccepted(of: .aggregated, at: at(45))
        tracker.recordWorkerTimes(WorkerSlice(waited: ms(99), prefill: ms(99), exposedTransfer: ms(99)), of: .aggregated)
        #expect(tracker.stages == before)
        tracker.recordFinish(at: at(90))
        #expect(tracker.stages.decode == ms(54) && tracker.stages.clampedRests == 0)
    }

    // MARK: How they are told

    @Test("the object has a member a stage, in the order in which they come, in milliseconds")
    func json() {
        #expect(
            String(decoding: whole().stages.json, as: UTF8.self)
                == #"{"tokenize_ms":1.0,"route_ms":1.0,"queue_ms":3.0,"dispatch_ms":3.0,"worker_wait_ms":5.0,"prefill_ms":12.0,"#
                + #""decode_ms":24.0,"detokenize_ms":2.0,"write_ms":4.0}"#)
        var stages = StageTimes()
        stages.transfer = .nanoseconds(1_234_567)
        #expect(String(decoding: stages.json, as: UTF8.self) == #"{"transfer_ms":1.234567}"#)
    }

    @Test("the header has the same stages and the total, in plain decimals of a microsecond")
    func header() {
        #expect(
            ServerTiming(whole().stages, total: ms(60)).description
                == "tokenize;dur=1, route;dur=1, queue;dur=3, dispatch;dur=3, worker_wait;dur=5, prefill;dur=12, decode;dur=24, "
                + "detokenize;dur=2, write;dur=4, total;dur=60")
        var stages = StageTimes()
        stages.tokenize = .nanoseconds(410_999)
        stages.route = .nanoseconds(999)
        stages.decode = .microseconds(1_050)
        #expect(ServerTiming(stages, total: nil).description == "tokenize;dur=0.41, route;dur=0, decode;dur=1.05")
        #expect(ServerTiming(StageTimes(), total: nil).description.isEmpty)
    }
}
