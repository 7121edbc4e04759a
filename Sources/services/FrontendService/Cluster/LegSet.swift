import WireProtocol

/// Which legs of a request are meant.
struct LegSet: OptionSet, Hashable {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(_ leg: Leg) { rawValue = 1 << leg.rawValue }

    var count: Int { rawValue.nonzeroBitCount }
    /// The prefill leg first.
    var members: [Leg] { [Leg.prefill, .aggregated, .decode].filter { contains(LegSet($0)) } }
}
