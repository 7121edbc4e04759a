/// A part of a whole, of what came lately: what is older weighs less, by a factor at each beat.
struct DecayingShare {
    private var part: Double = 0
    private var whole: Double = 0
    private let decay: Double

    init(decay: Double) { self.decay = decay }

    mutating func add(_ part: UInt64, of whole: UInt64) {
        // A peer that claims more than there is changes no rate beyond 1.
        self.part += Double(min(part, whole))
        self.whole += Double(whole)
    }

    mutating func beat() {
        part *= decay
        whole *= decay
    }

    /// Nil if nothing came lately.
    var share: Double? { whole >= 1 ? part / whole : nil }
}
