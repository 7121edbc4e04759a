/// How the state of a split request goes from the worker that prefills to the one that decodes.
package enum SplitPath: UInt8, CaseIterable, Sendable {
    /// While it is computed: both legs run at once.
    case concurrent
    /// When it is computed: the decode leg is placed then, and not before.
    case sequential
}

/// The paths that a worker knows.
package struct SplitPaths: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let concurrent = SplitPaths(rawValue: 1)
    package static let sequential = SplitPaths(rawValue: 2)
    /// Of sets of paths.
    static let sets = 4
}

/// What a worker can do with KV state: of which kind its own is, and how it gives and takes it.
package struct KVSide: Hashable, Sendable {
    /// Workers of one pool with equal numbers read one another's state. 0: nobody else reads it.
    package let kind: UInt16
    package let paths: SplitPaths

    package init(kind: UInt16, paths: SplitPaths) {
        self.kind = kind
        self.paths = kind == 0 ? [] : paths
    }

    package static let none = KVSide(kind: 0, paths: [])

    @inline(__always)
    package func reaches(_ other: KVSide) -> Bool { kind == other.kind && !paths.isDisjoint(with: other.paths) }

    /// The better of those that both know; nil: its state cannot go there.
    package func path(to other: KVSide) -> SplitPath? {
        guard reaches(other) else { return nil }
        return paths.intersection(other.paths).contains(.concurrent) ? .concurrent : .sequential
    }
}

/// Who could decode what is prefilled elsewhere: of each kind of state the cheapest, as the survey of the decode leg found them.
///
/// A prefill worker is judged with the best that can follow it, so that the pair which is chosen is the best of all pairs and not the best prefill
/// worker with whoever can read its state.
struct Partners: Sendable {
    enum Verdict {
        /// Nobody may decode it.
        case nobody
        /// Somebody may, and is busy.
        case busy
        case cost(Double)
    }

    private struct Field: Sendable {
        var least = Double.infinity
        var isKnown = false
        /// Somebody is not busy.
        var isOpen = false
    }

    /// By kind and set of paths; kept from decision to decision.
    private var fields: [Field] = []
    private var used = 0

    mutating func begin() {
        for place in 0..<used { fields[place] = Field() }
        used = 0
    }

    /// One that may decode. `cost` where it could be chosen: a busy one only where others are not.
    @inline(__always)
    mutating func note(_ side: KVSide, cost: Double?, isBusy: Bool) {
        let place = Int(side.kind) * SplitPaths.sets + Int(side.paths.rawValue) % SplitPaths.sets
        if place >= used {
            while fields.count <= place { fields.append(Field()) }
            used = place + 1
        }
        fields[place].isKnown = true
        if !isBusy { fields[place].isOpen = true }
        if let cost { fields[place].least = min(fields[place].least, cost) }
    }

    /// For whoever prefills on such a side.
    @inline(__always)
    subscript(side: KVSide) -> Verdict {
        var sum = Field()
        let first = Int(side.kind) * SplitPaths.sets
        for set in 1..<SplitPaths.sets where first + set < used && Int(side.paths.rawValue) & set != 0 {
            let field = fields[first + set]
            guard field.isKnown else { continue }
            sum.isKnown = true
            sum.isOpen = sum.isOpen || field.isOpen
            sum.least = min(sum.least, field.least)
        }
        guard sum.isKnown else { return .nobody }
        return sum.isOpen ? .cost(sum.least) : .busy
    }

    func knows(_ side: KVSide) -> Bool { if case .nobody = self[side] { false } else { true } }
}

extension [Candidate] {
    /// Whether anybody who prefills can hand over to anybody who decodes, both ready, however loaded.
    var canSplit: Bool {
        var partners = Partners()
        for candidate in self where candidate.isReady && candidate.role.serves(.decode) && !candidate.kv.paths.isEmpty {
            partners.note(candidate.kv, cost: 0, isBusy: false)
        }
        return contains { $0.isReady && $0.role == .prefill && partners.knows($0.kv) }
    }
}
