/// A cell whose first value stays.
struct Once<Value: Equatable & Sendable>: Sendable {
    private(set) var value: Value?

    /// What became of a value that was offered.
    enum Outcome {
        case first
        /// It is there already.
        case same
        case conflict(kept: Value)
    }

    mutating func offer(_ offered: Value) -> Outcome {
        guard let kept = value else {
            value = offered
            return .first
        }
        return kept == offered ? .same : .conflict(kept: kept)
    }

    /// For what may be offered many times, and differ: true if this was the first.
    mutating func record(_ offered: Value) -> Bool {
        guard value == nil else { return false }
        value = offered
        return true
    }

    /// Free again: for what belongs to one attempt.
    mutating func clear() { value = nil }
}
