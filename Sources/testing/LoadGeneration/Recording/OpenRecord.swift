import WireProtocol

/// A request that is being followed: its legs so far, and what was said of it.
struct OpenRecord: Sendable {
    struct Leg: Sendable {
        let lease: UInt64
        let life: RecordedLife
        let role: Leg.Role
        var recorded: RecordedLeg
        /// Its worker has it, or had it.
        var isAccepted = false
        /// What its router said of the booking's end, and when; the worker's word is still waited for.
        var released: (end: RecordedEnd, at: Duration)?
        var isOver = false
        /// The worker said how.
        var isToldOver = false
        var evidence = SessionBook.Evidence()

        typealias Role = WireProtocol.Leg
    }

    /// Ascends: what is closed together leaves in this order.
    let order: UInt64
    let model: Int
    let blockTokens: UInt32
    let begunAt: Duration
    var router: Int?
    var promptTokens: UInt32
    var legs: [Leg] = []
    /// As workers and routers say them, of the first attempt: later ones have the tokens that were shown.
    var hashes: [UInt64] = []
    var slice: RequestSlice?
    var sliceAt = Duration.zero
    var decision: RecordedDecision?
    var awaitsDecision = false
    /// When its last leg was over.
    var overAt: Duration?

    init(order: UInt64, model: Int, blockTokens: UInt32, begunAt: Duration, promptTokens: UInt32) {
        self.order = order
        self.model = model
        self.blockTokens = blockTokens
        self.begunAt = begunAt
        self.promptTokens = promptTokens
    }

    var fullBlocks: Int { Int(promptTokens / max(blockTokens, 1)) }
    var isOver: Bool { legs.allSatisfy(\.isOver) }
    var firstAttempt: UInt8 { legs.map(\.recorded.attempt).min() ?? 1 }
    var lastAttempt: UInt8 { legs.map(\.recorded.attempt).max() ?? 1 }

    func leg(of lease: UInt64) -> Int? { legs.firstIndex { $0.lease == lease } }

    /// Of an attempt, the leg whose tokens are the client's.
    private func producer(of attempt: UInt8) -> Leg? {
        let its = legs.filter { $0.recorded.attempt == attempt }
        return its.last { $0.role != .prefill } ?? its.last
    }

    /// Keeps hashes that go on where the known ones end; `room` bounds how many. Gives how many were new.
    mutating func take(_ more: some RandomAccessCollection<UInt64>, from first: UInt32, room: Int) -> Int {
        guard let start = Int(exactly: first), start <= hashes.count else { return 0 }
        let fresh = more.dropFirst(hashes.count - start).prefix(min(room, max(fullBlocks - hashes.count, 0)))
        hashes.append(contentsOf: fresh)
        return fresh.count
    }

    // MARK: When it is complete

    /// How long what belongs to a request may come apart: its slice, and the streams of router and worker.
    static let settling = Duration.seconds(2)
    /// After an end that a frontend makes up for by another attempt: that one may be parked for the router's queue time.
    static let another = Duration.seconds(90)
    /// Longer than any request may run.
    static let longest = Duration.seconds(2 * 3_600)

    /// Nothing more is waited for.
    func isComplete(at now: Duration) -> Bool {
        if now >= begunAt + Self.longest { return true }
        guard let overAt, isOver else { return slice != nil && now >= sliceAt + Self.settling }
        if slice != nil { return !awaitsDecision || now >= overAt + Self.settling }
        let isFinal = producer(of: lastAttempt)?.recorded.end == .finished
        return now >= overAt + (isFinal ? Self.settling : Self.another)
    }

    // MARK: What is written

    /// Nil: how it ended is not known.
    func recorded(hashes keyed: [UInt64]) -> RecordedRequest? {
        guard let last = producer(of: lastAttempt), let first = legs.first else { return nil }
        let end = last.isOver ? last.recorded.end : .unknown
        guard end != .unknown || slice != nil else { return nil }
        let told = slice.flatMap { $0.status == Self.success ? $0 : nil }
        var request = RecordedRequest(
            arrival: max(first.recorded.placed - (decision?.queued ?? .zero), .zero), model: model, promptTokens: promptTokens,
            outputTokens: told?.outputTokens ?? produced, end: end)
        request.router = router
        request.cachedTokens = (told?.cachedTokens ?? found).map { min($0, promptTokens) }
        request.hashes = keyed
        request.attempts = max(slice?.attempts ?? 0, lastAttempt)
        request.queued = decision?.queued
        request.policy = decision?.policy
        request.choices = slice?.choices
        request.status = slice?.status
        request.firstToken = slice.flatMap { Self.duration($0.durations.firstTokenMicroseconds) }
        request.total = slice.flatMap { Self.duration($0.durations.totalMicroseconds) }
        request.legs = legs.map { leg in
            var recorded = leg.recorded
            if !leg.isOver { recorded.end = leg.released?.end ?? .unknown }
            return recorded
        }
        return request
    }

    private static let success: UInt16 = 200

    /// 0: it did not happen.
    static func duration(_ microseconds: UInt64) -> Duration? { microseconds == 0 ? nil : .microseconds(Int64(clamping: microseconds)) }

    private var produced: UInt32 {
        var sum: UInt64 = 0
        for attempt in Set(legs.map(\.recorded.attempt)).sorted() { sum += UInt64(producer(of: attempt)?.recorded.outputTokens ?? 0) }
        return UInt32(clamping: sum)
    }

    /// By the leg that computed the prompt first.
    private var found: UInt32? {
        (legs.first { $0.role != .decode && $0.recorded.cachedTokens != nil } ?? legs.first { $0.recorded.cachedTokens != nil })?
            .recorded.cachedTokens
    }

    /// The session it named, and whether it is known to have named one at all.
    var session: (key: SessionKey?, isNamed: Bool) {
        guard let leg = legs.last(where: { $0.role != .prefill }) else { return (nil, false) }
        let evidence = leg.evidence
        switch decision?.session {
        case nil: return (evidence.held, evidence.held != nil)
        case .bound: return (evidence.held ?? evidence.only, true)
        case .spilled: return (nil, true)
        // A session that begins with this request was bound after its plan; streams come a little apart.
        case .lost: return (opened(evidence, leg), true)
        case .some(.none):
            let key = opened(evidence, leg)
            return (key, key != nil)
        }
    }

    private func opened(_ evidence: SessionBook.Evidence, _ leg: Leg) -> SessionKey? {
        evidence.boundAt + .milliseconds(100) >= leg.recorded.placed ? evidence.held : nil
    }
}
