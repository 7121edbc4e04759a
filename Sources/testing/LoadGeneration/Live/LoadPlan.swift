/// How a live load is run.
package struct LoadPlan: Hashable, Sendable {
    package enum Mode: Hashable, Sendable {
        /// Each request is sent when it is due, whatever became of others: what users who know nothing of each other do.
        case open
        /// So many users, each of whom asks again when the answer has ended and they have thought a while.
        case closed(users: Int, think: Duration)
    }

    package var mode: Mode
    /// Requests under way at most; what is due beyond them waits, and the wait counts.
    package var connections = 1_024
    /// Of an answer, from when it was asked for; and of a request that cannot be sent, from when it was due.
    package var timeout = Duration.seconds(600)
    /// Nothing that is due later is sent.
    package var duration: Duration?
    /// What is due within the first so long is left out of what is measured.
    package var warmUp = Duration.zero
    /// The same of the last so long; only with a `duration`, since otherwise nobody knows when the end comes.
    package var coolDown = Duration.zero

    package init(_ mode: Mode) { self.mode = mode }

    func measures(_ due: Duration) -> Bool {
        guard due >= warmUp else { return false }
        guard let duration else { return true }
        return due < duration - coolDown
    }
}
