import Synchronization

/// A number that many threads add to without a lock: its bit pattern in one atomic word.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)  // the bit pattern of 0.0

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    /// Relaxed order is enough: a metric publishes no other memory.
    func add(_ amount: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: seen) + amount
            let (exchanged, original) = bits.weakCompareExchange(expected: seen, desired: sum.bitPattern, ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }
}
