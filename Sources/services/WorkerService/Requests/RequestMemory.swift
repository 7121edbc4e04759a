import ClusterModel
import WireProtocol

/// What this worker has seen of each request: so that work is started at most once for an attempt and leg, whatever is repeated or overtaken.
/// Rules: `proto-spec/03-exchanges.md#a-request-at-its-worker`.
struct RequestMemory {
    enum Verdict: Hashable {
        case new
        /// This attempt and leg, or a later attempt, was seen before.
        case duplicate
        /// Its cancel came first.
        case cancelled
    }

    private struct Record {
        /// The highest attempt seen; 0: only cancels were.
        var attempt: UInt8 = 0
        /// Legs of that attempt, a bit each.
        var legs: UInt8 = 0
        /// The lowest attempt that ran; 0: each was refused.
        var ranFrom: UInt8 = 0
        var cancelledThrough: UInt8 = 0
        /// Slots of what runs, by leg.
        var open: InlineArray<3, UInt32> = .init(repeating: RequestMemory.none)
        /// When it was last left without anything that runs; nil while something does.
        var restsSince: Instant?

        var isOpen: Bool { open[0] != RequestMemory.none || open[1] != RequestMemory.none || open[2] != RequestMemory.none }
    }

    private struct Tombstone {
        let request: RequestID
        let since: Instant
    }

    static let none = UInt32.max

    private let capacity: Int
    private let span: Duration
    private var records: [RequestID: Record] = [:]
    /// Oldest first, from `head` on.
    private var tombstones: [Tombstone] = []
    private var head = 0

    init(capacity: Int = WorkerLimits.rememberedRequests, span: Duration = WorkerLimits.memorySpan) {
        self.capacity = capacity
        self.span = span
    }

    /// Records of running and of remembered requests.
    var count: Int { records.count }
    var waitingTombstones: Int { tombstones.count - head }

    func judge(_ request: RequestID, attempt: UInt8, leg: Leg) -> Verdict {
        guard let record = records[request] else { return .new }
        if attempt < record.attempt || (attempt == record.attempt && record.legs & leg.bit != 0) { return .duplicate }
        return attempt <= record.cancelledThrough ? .cancelled : .new
    }

    /// A lower attempt of it ran here.
    func had(_ request: RequestID, below attempt: UInt8) -> Bool {
        records[request].map { $0.ranFrom > 0 && $0.ranFrom < attempt } ?? false
    }

    /// The slots that run for this request.
    func open(_ request: RequestID) -> [UInt32] {
        guard let record = records[request], record.isOpen else { return [] }
        return record.open.indices.map { record.open[$0] }.filter { $0 != Self.none }
    }

    mutating func opened(_ request: RequestID, attempt: UInt8, leg: Leg, slot: UInt32) {
        note(request, attempt, leg)
        records[request]?.open[Int(leg.rawValue)] = slot
        records[request]?.restsSince = nil
        if records[request]?.ranFrom == 0 { records[request]?.ranFrom = attempt }
    }

    mutating func closed(_ request: RequestID, leg: Leg, at now: Instant) {
        records[request]?.open[Int(leg.rawValue)] = Self.none
        rest(request, at: now)
    }

    mutating func refused(_ request: RequestID, attempt: UInt8, leg: Leg, at now: Instant) {
        note(request, attempt, leg)
        rest(request, at: now)
    }

    mutating func cancelled(_ request: RequestID, through attempt: UInt8, at now: Instant) {
        records[request, default: Record()].cancelledThrough = max(records[request]?.cancelledThrough ?? 0, attempt)
        rest(request, at: now)
    }

    /// When `expire` has something to forget.
    var nextExpiry: Instant? { head < tombstones.count ? tombstones[head].since + span : nil }

    mutating func expire(at now: Instant) {
        while let next = nextExpiry, next <= now { forgetOldest() }
    }

    private mutating func note(_ request: RequestID, _ attempt: UInt8, _ leg: Leg) {
        var record = records[request] ?? Record()
        record.legs = attempt == record.attempt ? record.legs | leg.bit : leg.bit
        record.attempt = attempt
        records[request] = record
    }

    private mutating func rest(_ request: RequestID, at now: Instant) {
        guard let record = records[request], !record.isOpen, record.restsSince != now else { return }
        records[request]?.restsSince = now
        tombstones.append(Tombstone(request: request, since: now))
        if waitingTombstones > capacity { forgetOldest() }
    }

    private mutating func forgetOldest() {
        let oldest = tombstones[head]
        head += 1
        if head == tombstones.count {
            tombstones.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1_024, head > tombstones.count / 2 {
            tombstones.removeFirst(head)
            head = 0
        }
        // A later rest has a tombstone of its own.
        if let record = records[oldest.request], !record.isOpen, record.restsSince == oldest.since { records[oldest.request] = nil }
    }
}

extension Leg {
    fileprivate var bit: UInt8 { 1 << rawValue }
}
