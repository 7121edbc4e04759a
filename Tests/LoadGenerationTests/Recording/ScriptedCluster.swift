import ClusterModel
import WireProtocol

@testable import LoadGeneration

/// Streams as a cluster would bring them, told to an assembler step by step.
struct ScriptedCluster {
    var assembler: RecordAssembler
    /// From the begin.
    var now = Duration.zero
    static let blockTokens: UInt32 = 16
    static let pool = Digest.of(1)

    init(workers: Int = 2, secret: UInt8 = 7) {
        assembler = RecordAssembler(key: RecordKey(secret: [UInt8](repeating: secret, count: 32)), routers: 2)
        var card = ModelCard()
        card.name = "llama"
        card.blockSize = Self.blockTokens
        card.digest = Self.pool
        assembler.pool(card)
        for worker in 0..<workers { join(UInt64(worker)) }
        assembler.begin()
    }

    @discardableResult
    mutating func join(_ worker: UInt64, generation: UInt64 = 1, role: WorkerRole = .aggregated) -> Bool {
        var entry = WorkerEntry()
        entry.workerID = worker
        entry.generation = generation
        entry.role = role
        entry.pool = Self.pool
        entry.ranks = [
            RankCapacity(rank: 0, totalBlocks: 100, hostBlocks: 0, diskBlocks: 0, maxSequences: 8, maxBatchedTokens: 512)
        ]
        return assembler.joined(entry, at: now)
    }

    static func life(_ worker: UInt64) -> RecordedLife { RecordedLife(worker: worker, generation: 1) }

    /// A leg of a request, by lease; the request's number is the counter.
    struct Leg {
        var lease: UInt64
        var counter: UInt64
        var attempt: UInt8 = 1
        var worker: UInt64 = 0
        var leg = WireProtocol.Leg.aggregated
        var prompt: UInt32 = 48
        var cached: UInt32 = 16
        var output: UInt32 = 5
        var hashes: [UInt64] = [100, 101, 102]

        var request: RequestKey { RequestKey(origin: 9, counter: counter, attempt: attempt) }
        var life: RecordedLife { ScriptedCluster.life(worker) }
    }

    mutating func made(_ leg: Leg, by router: Int = 0, hashes: Int = .max) {
        var made = LeaseMade()
        made.lease = leg.lease
        made.workerID = leg.worker
        made.generation = 1
        made.leg = leg.leg
        made.request = leg.request
        made.promptTokens = leg.prompt
        made.prefillTokens = leg.prompt - leg.cached
        made.hashes = Array(leg.hashes.prefix(hashes))
        assembler.made(made, by: router, at: now)
    }

    mutating func accepted(_ leg: Leg) {
        let accepted = RequestAccepted(
            lease: leg.lease, request: leg.request, routerID: 1, rank: 0, leg: leg.leg, promptTokens: leg.prompt,
            prefillTokens: leg.prompt - leg.cached, maxTokens: 100, expectedOutputTokens: nil)
        tell(.requestAccepted(accepted), leg.worker)
    }

    mutating func started(_ leg: Leg) {
        tell(.requestStarted(RequestStarted(lease: leg.lease, rank: 0, cachedTokens: leg.cached, waitedMicroseconds: 250)), leg.worker)
    }

    mutating func ended(_ leg: Leg, _ reason: EndReason = .finished) {
        var durations = WorkerDurations()
        durations.waitedMicroseconds = 250
        durations.prefillMicroseconds = 3_000
        durations.decodeMicroseconds = leg.leg == .prefill ? 0 : 8_000
        let ended = RequestEnded(
            lease: leg.lease, request: leg.request, rank: 0, leg: leg.leg, reason: reason, promptTokens: leg.prompt,
            cachedTokens: leg.cached, outputTokens: leg.output, durations: durations)
        tell(.requestEnded(ended), leg.worker)
    }

    mutating func run(_ leg: Leg, _ reason: EndReason = .finished) {
        accepted(leg)
        started(leg)
        ended(leg, reason)
    }

    mutating func tell(_ event: WorkerEvent, _ worker: UInt64) { assembler.event(event, on: Self.life(worker), at: now) }

    mutating func told(_ counter: UInt64, output: UInt32 = 5, cached: UInt32 = 16, status: UInt16 = 200, tenant: String = "") {
        var slice = RequestSlice()
        slice.counter = counter
        slice.attempts = 1
        slice.tenant = tenant
        slice.status = status
        slice.promptTokens = 48
        slice.cachedTokens = cached
        slice.outputTokens = output
        slice.durations.totalMicroseconds = 12_000
        assembler.told(slice, by: 9, at: now)
    }

    /// Answers what is asked.
    mutating func decided(_ session: RecordedDecision.Session = .none, queued: Duration = .zero) {
        for question in assembler.takeQuestions() {
            assembler.decided(question.request, RecordedDecision(session: session, queued: queued, policy: "kv"), at: now)
        }
    }

    mutating func bound(_ session: String, counter: UInt64, held: UInt32 = 0, on worker: UInt64 = 0) {
        tell(
            .sessionBound(
                SessionBound(key: SessionKey(tenant: "", id: session), rank: 0, bindCounter: counter, ttlSeconds: 60, heldBlocks: held)),
            worker)
    }

    mutating func pass(_ span: Duration) {
        now += span
        assembler.tick(at: now)
    }

    /// Ends the recording and reads its file.
    mutating func record() throws -> Record {
        _ = assembler.finish(.time, at: now)
        return try Record(assembler.takeBytes())
    }
}

extension Digest {
    static func of(_ number: UInt8) -> Digest { SHA256.digest(of: [number]) }
}
