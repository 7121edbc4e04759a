import RequestTracking
import WireProtocol

/// What a worker has said of its time in one leg, as far as it has: each in microseconds, of its own clock. It is held for each batch of tokens,
/// and looked at once or twice in the life of a leg, so it is numbers and nothing else.
struct LegTimes {
    private var waited = unknown
    private var prefill = unknown
    private var transfer = unknown
    private var exposedTransfer = unknown
    private var decode = unknown

    private static let unknown: Int64 = -1

    init() {}

    init(waited microseconds: UInt64) { waited = Int64(clamping: microseconds) }
    init(prefill microseconds: UInt64) { prefill = Int64(clamping: microseconds) }

    /// On the wire 0 stands for a stage that did not happen.
    init(_ durations: WorkerDurations) {
        func known(_ microseconds: UInt64) -> Int64 { microseconds == 0 ? Self.unknown : Int64(clamping: microseconds) }
        waited = known(durations.waitedMicroseconds)
        prefill = known(durations.prefillMicroseconds)
        transfer = known(durations.transferMicroseconds)
        exposedTransfer = known(durations.exposedTransferMicroseconds)
        decode = known(durations.decodeMicroseconds)
    }

    /// What was said before stays.
    mutating func add(_ later: LegTimes) {
        func first(_ one: Int64, _ other: Int64) -> Int64 { one == Self.unknown ? other : one }
        waited = first(waited, later.waited)
        prefill = first(prefill, later.prefill)
        transfer = first(transfer, later.transfer)
        exposedTransfer = first(exposedTransfer, later.exposedTransfer)
        decode = first(decode, later.decode)
    }

    /// Nil where nothing was said.
    var slice: WorkerSlice? {
        guard max(waited, prefill, transfer, exposedTransfer, decode) != Self.unknown else { return nil }
        func span(_ microseconds: Int64) -> Duration? { microseconds == Self.unknown ? nil : .microseconds(microseconds) }
        return WorkerSlice(
            waited: span(waited), prefill: span(prefill), transfer: span(transfer), exposedTransfer: span(exposedTransfer),
            decode: span(decode))
    }
}
