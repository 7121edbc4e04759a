import ClusterModel
import EventLoop

/// One job after another, off the loop where it is large: bytes of KV state are packed, unpacked and summed here, in order.
///
/// What waits is bounded by whoever puts: by credits on the way in, by the sender's own bounds on the way out.
@LoopActor
final class ChunkLine<Job: Sendable, Product: Sendable> {
    private let loop: Loop
    private let pool: WorkPool
    private let work: @Sendable (Job) -> Product
    private let done: @LoopActor (Product) -> Void
    /// After products of the pool, which come when nobody else is at work.
    private let settle: @LoopActor () -> Void
    private var waiting: [(job: Job, bytes: Int)] = []
    private var isWorking = false
    private var isClosed = false
    /// What is put waits meanwhile; what is under way ends.
    var isPaused = false { didSet { start() } }

    init(
        on loop: Loop, pool: WorkPool, _ work: @escaping @Sendable (Job) -> Product, done: @escaping @LoopActor (Product) -> Void,
        settle: @escaping @LoopActor () -> Void
    ) {
        self.loop = loop
        self.pool = pool
        self.work = work
        self.done = done
        self.settle = settle
    }

    /// Nothing waits, and nothing is under way.
    var isEmpty: Bool { !isWorking && waiting.isEmpty }

    /// `bytes` is what the job goes through.
    func put(_ job: Job, bytes: Int) {
        guard !isClosed else { return }
        if isEmpty, !isPaused, bytes <= WorkerLimits.kvInlineBytes { return done(work(job)) }
        waiting.append((job, bytes))
        start()
    }

    private func start() {
        guard !isWorking, !isPaused, !isClosed, !waiting.isEmpty else { return }
        isWorking = true
        loop.spawn { [self] in await run() }
    }

    /// What is under way ends unheard.
    func close() {
        isClosed = true
        waiting.removeAll()
    }

    private func run() async {
        while !isClosed, !isPaused, let next = waiting.first {
            do throws(WorkPool.Full) {
                let product = try await loop.offload(to: pool, virtualCost: .nanoseconds(Int64(next.bytes))) { [work] in work(next.job) }
                guard !isClosed else { break }
                waiting.removeFirst()
                // Whoever is told of the last one may put a job, which then runs in a task of its own.
                let isLast = waiting.isEmpty
                isWorking = !isLast
                done(product)
                settle()
                if isLast { return }
            } catch {
                // Others keep the pool busy; the room's own limits end the wait.
                await loop.sleep(for: WorkerLimits.kvPoolPause)
            }
        }
        isWorking = false
    }
}
