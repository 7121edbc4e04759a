import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import FrontendService

/// A scene in which routers place requests on two workers: worker 1 computes prompts, worker 2 makes the tokens, others are there to go on.
struct SplitBed {
    let scene: Scene
    let path: HandOverPath

    /// What a prefill leg hands over on the sequential path.
    static let state: [UInt8] = [0xAB, 0, 0xCD]
    static let text = "hello"
    init(
        _ path: HandOverPath = .concurrent, seed: UInt64 = 1, routers: Int = 1, workers: Int = 4, isTraced: Bool = false,
        capabilities: Capabilities = [.choices, .logprobs, .concurrentHandOver, .sequentialHandOver, .moves],
        configure: (inout FrontendConfig) -> Void = { _ in }
    ) {
        self.path = path
        scene = Scene(
            seed: seed, routers: routers, workers: workers, card: Scene.card { $0.capabilities = capabilities }, isTraced: isTraced,
            configure: configure)
        for router in scene.routers { router { $0.plan = Self.plan(path) } }
        for worker in scene.workers { worker { $0.script = Self.run } }
    }

    /// The first attempt on workers 1 and 2, all later ones whole, where they are preferred or anywhere.
    static func plan(_ path: HandOverPath) -> @LoopActor (ScriptedRouter, RouteEntry) -> PlanEntry? {
        { router, entry in
            guard entry.attempt == 1 else {
                if let preferred = entry.options.preferred { return router.place(entry, on: preferred.workerID) }
                return router.placeAnywhere(entry)
            }
            if entry.wish == .decode { return router.place(entry, on: 2) }
            return router.split(entry, prefill: 1, decode: path == .concurrent ? 2 : nil)
        }
    }

    /// What workers do with any leg, if nothing goes wrong.
    @LoopActor
    static func run(_ job: Job) {
        switch job.entry.leg {
        case .aggregated: job.answer(text)
        case .prefill: prefill(job)
        case .decode: decode(job)
        }
    }

    /// Waits 1 ms, computes for 5, and says the first token; 2 ms later everything is with the other worker.
    @LoopActor
    static func prefill(_ job: Job) {
        job.accept()
        job.after(.milliseconds(1)) { job in
            job.start(cached: 1, waited: 1_000)
            job.after(.milliseconds(5)) { job in
                job.prefillDone(after: 5_000)
                firstTokens(job)
                job.after(.milliseconds(2)) { handOver($0) }
            }
        }
    }

    @LoopActor
    static func firstTokens(_ job: Job) {
        for choice in 0..<job.entry.choices { job.say(String(text.dropFirst(job.positions[Int(choice)]).prefix(1)), choice: choice) }
    }

    @LoopActor
    static func handOver(_ job: Job) {
        job.end(.handedOver) {
            $0.durations.waitedMicroseconds = 1_000
            $0.durations.prefillMicroseconds = 5_000
            $0.durations.transferMicroseconds = 6_000
            $0.durations.exposedTransferMicroseconds = 2_000
            $0.transferBytes = 4_096
            if job.entry.room == nil { $0.handOver = state }
        }
    }

    /// Takes up what was handed over 8 ms after it was asked: begins with the first token again, and says the rest a token each 10 ms.
    @LoopActor
    static func decode(_ job: Job) {
        job.accept()
        job.after(.milliseconds(9)) { job in
            job.start(cached: 2, waited: 9_000)
            answer(job)
        }
    }

    @LoopActor
    private static func answer(_ job: Job) {
        let left = text.dropFirst(job.positions[0])
        for (index, character) in left.enumerated() {
            let isLast = index == left.count - 1
            job.after(.milliseconds(10 * index)) { job in
                for choice in 0..<job.entry.choices { job.say(String(character), choice: choice, finish: isLast ? .endOfText : nil) }
                if isLast { job.end(.finished) }
            }
        }
    }

    // MARK: What happened

    func worker(_ number: Int) -> Remote<ScriptedWorker> { scene.workers[number - 1] }
    func jobs(_ worker: Int) -> [Job] { self.worker(worker).on { $0.jobs } }
    func entries(_ worker: Int) -> [GenerateEntry] { self.worker(worker).on { $0.jobs.map(\.entry) } }
    func cancels(_ worker: Int) -> [CancelEntry] { self.worker(worker).on { $0.cancels } }
    /// One that never came has nothing of what a test looks for.
    func asked(_ index: Int) -> RouteEntry { asked.indices.contains(index) ? asked[index] : RouteEntry() }
    func entry(_ worker: Int, _ index: Int = 0) -> GenerateEntry {
        let all = entries(worker)
        return all.indices.contains(index) ? all[index] : GenerateEntry()
    }
    var asked: [RouteEntry] { scene.router { $0.asked } }
    var endedLeases: [EndedLease] { scene.router { $0.endedLeases } }

    func script(_ worker: Int, _ script: @escaping @LoopActor (Job) -> Void) { self.worker(worker).on { $0.script = script } }

    /// Of both legs and the router the client saw one answer, once, and nothing is held.
    func expectWhole(_ client: Scene.Client, sourceLocation: SourceLocation = #_sourceLocation) {
        scene.finish(client, within: .seconds(200))
        client {
            #expect($0.text() == Self.text, sourceLocation: sourceLocation)
            #expect($0.finish() == "stop", sourceLocation: sourceLocation)
            #expect($0.errorEvents == 0 && $0.status == 200, sourceLocation: sourceLocation)
        }
        #expect(scene.held == [], sourceLocation: sourceLocation)
    }
}
