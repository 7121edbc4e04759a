/// Which of the traces that begin here are recorded: a share of them, told by their ids alone.
///
/// The same trace gets the same answer from everybody who was given the same share.
package struct TraceSampler: Hashable, Sendable {
    /// Ids with a smaller low half are recorded; nil: all are.
    private let bound: UInt64?

    /// `ratio` from 0, none, to 1, all.
    package init(ratio: Double) {
        precondition((0...1).contains(ratio), "a share is from 0 to 1")
        bound = ratio < 1 ? UInt64(ratio * 0x1p64) : nil
    }

    package func records(_ trace: TraceID) -> Bool { bound.map { trace.low < $0 } ?? true }
}
