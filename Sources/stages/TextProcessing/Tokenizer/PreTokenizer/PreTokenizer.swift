/// How text is split before it is encoded, step by step.
struct PreTokenizer: Sendable {
    enum Step: Sendable {
        case split(Pattern, Behavior, inverted: Bool)
        /// From here on bytes are in `ByteLevel`'s alphabet; a blank goes before each piece that begins with none.
        case byteLevel(addsPrefixSpace: Bool, splits: Bool)
        case metaspace(Metaspace)
    }

    /// What becomes of matches.
    enum Behavior: String, Sendable {
        case isolated = "Isolated"
        case removed = "Removed"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    struct Metaspace: Sendable {
        enum Prepending: String, Sendable {
            case always, first, never
        }

        var replacement: [UInt8]
        var prepending: Prepending
        var splits: Bool
    }

    let steps: [Step]
    /// The pattern that alone says where text is cut, if that is so: then pieces need not be kept.
    let only: Pattern?

    init(steps: [Step]) {
        self.steps = steps
        let real = steps.filter {
            if case .byteLevel(addsPrefixSpace: false, splits: false) = $0 { false } else { true }
        }
        switch (real.first, real.count) {
        case (.split(let pattern, .isolated, inverted: _), 1):
            // In `ByteLevel`'s alphabet the pattern would see other letters.
            if case .split = steps[0] { only = pattern } else { only = nil }
        case (.byteLevel(addsPrefixSpace: false, splits: true), 1): only = .gpt2
        default: only = nil
        }
    }

    /// No text is left out.
    var keepsAll: Bool { !steps.contains { if case .split(_, .removed, _) = $0 { true } else { false } } }

    /// Text is written in `ByteLevel`'s alphabet in the end.
    var isByteLevel: Bool { steps.contains { if case .byteLevel = $0 { true } else { false } } }
}
