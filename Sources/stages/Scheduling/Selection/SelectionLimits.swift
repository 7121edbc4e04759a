/// Bounds and assumptions of a selection, and the reasons for them.
package enum SelectionLimits {
    /// The cheapest that are kept of a leg's candidates: what a temperature draws among, and what a record shows. At temperature 1 the next one
    /// would cost some prompts more, so that a draw would hardly ever reach it; and a pool that is not larger is shown whole.
    package static let shortlist = 64
    /// Of an engine step, where a worker has not said: a usual one.
    package static let assumedStepTokens: UInt32 = 2_048
    /// Tokens of an answer, where neither the client's hint nor its limit says less.
    package static let assumedOutputTokens: UInt32 = 128
    /// The ability, as a bit of cards (`proto-spec/04-messages.md#capabilities`), of a worker that serves no whole request.
    package static let legsOnly: UInt64 = 1 << 15
}
