import ClusterModel

/// How microseconds fall into slots: exact at first, then each power of two cut into as many slots as the one before it.
///
/// A slot is never wider than its lowest value divided by the slots of a power of two, so every value keeps the same number of digits.
struct HistogramScale: Hashable, Sendable {
    /// Slots of one power of two, as a power of two.
    let octaveBits: Int

    /// 1024 slots an octave: three digits, 182 KiB a histogram.
    static var fine: HistogramScale { HistogramScale(octaveBits: 10) }
    /// 32 slots an octave, 3 %: for the points of a chart, of which there are many. 3.5 KiB a histogram of small counts.
    static var coarse: HistogramScale { HistogramScale(octaveBits: 5) }

    /// The longest that is told apart: an hour, beyond any client's patience.
    static var longestMicroseconds: UInt64 { 3_600_000_000 }

    var slotCount: Int { slot(of: HistogramScale.longestMicroseconds) + 1 }

    @inline(__always)
    func slot(of microseconds: UInt64) -> Int {
        let shift = max(0, UInt64.bitWidth - 1 - octaveBits - microseconds.leadingZeroBitCount)
        return shift << octaveBits + Int(truncatingIfNeeded: microseconds >> UInt64(shift))
    }

    func lowest(of slot: Int) -> UInt64 {
        let shift = max(0, slot >> octaveBits - 1)
        return UInt64(slot - shift << octaveBits) << UInt64(shift)
    }

    func highest(of slot: Int) -> UInt64 { min(lowest(of: slot + 1) - 1, HistogramScale.longestMicroseconds) }

    /// Which value in rising order, from 1, is the one that `percent` of `total` values do not exceed.
    func rank(_ percent: Double, of total: UInt64) -> UInt64 {
        // 99.9 % of 1000 are 999, whatever the last bit of the product says.
        let exact = min(max(percent, 0), 100) * Double(total) / 100 * (1 - 1e-12)
        return max(1, UInt64(exact.rounded(.up)))
    }
}

extension Int64 {
    /// Of nanoseconds: to the nearest microsecond; what is negative counts as 0: a moment before its cause is two clocks' disagreement.
    @inline(__always)
    var roundedMicroseconds: UInt64 { self <= 0 ? 0 : (UInt64(self) + 500) / 1_000 }
}

extension Duration {
    /// To the nearest microsecond; what is negative counts as 0.
    @inline(__always)
    var roundedMicroseconds: UInt64 { inNanoseconds.roundedMicroseconds }

    init(measuredMicroseconds microseconds: UInt64) { self = .microseconds(Int64(clamping: microseconds)) }
}
