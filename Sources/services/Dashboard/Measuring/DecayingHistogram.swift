/// Percentiles of what was measured lately: what is older weighs less, by a factor at each beat. Its values are within three per cent.
struct DecayingHistogram {
    /// Logarithmic, from one microsecond to an hour and more.
    private var weights = [Float](repeating: 0, count: Self.buckets)
    private(set) var weight: Float = 0
    private let decay: Float

    private static let bucketsPerOctave = 16
    private static let octaves = 32
    private static let buckets = bucketsPerOctave * octaves
    /// Less than a tenth of one value is left: nothing was measured lately.
    private static let least: Float = 0.1

    /// - Parameter decay: what is left of a value after a beat.
    init(decay: Float) { self.decay = decay }

    mutating func add(microseconds: UInt64, times: Int = 1) {
        guard times > 0 else { return }
        weights[Self.bucket(of: microseconds)] += Float(times)
        weight += Float(times)
    }

    /// Called at a steady pace.
    mutating func beat() {
        guard weight > 0 else { return }
        guard weight * decay >= Self.least else { return clear() }
        weight = 0
        for index in weights.indices {
            weights[index] *= decay
            weight += weights[index]
        }
    }

    private mutating func clear() {
        weight = 0
        for index in weights.indices { weights[index] = 0 }
    }

    /// In microseconds; nil if nothing was measured lately.
    func percentile(_ share: Double) -> Double? {
        guard weight >= Self.least else { return nil }
        let wanted = Float(share) * weight
        var sum: Float = 0
        for index in weights.indices where weights[index] > 0 {
            sum += weights[index]
            if sum >= wanted { return Self.middle(of: index) }
        }
        return weights.lastIndex { $0 > 0 }.map { Self.middle(of: $0) }
    }

    // MARK: Buckets

    /// An octave is cut into equal parts: no logarithm is taken for a value.
    private static func bucket(of microseconds: UInt64) -> Int {
        let value = max(microseconds, 1)
        let octave = 63 - value.leadingZeroBitCount
        guard octave < octaves else { return buckets - 1 }
        let above = value - (1 << UInt64(octave))
        return octave * bucketsPerOctave + Int((above * UInt64(bucketsPerOctave)) >> UInt64(octave))
    }

    private static func middle(of bucket: Int) -> Double {
        let octave = bucket / bucketsPerOctave, part = Double(bucket % bucketsPerOctave) + 0.5
        return Double(UInt64(1) << UInt64(octave)) * (1 + part / Double(bucketsPerOctave))
    }
}
