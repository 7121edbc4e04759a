/// The right to say where one leg of a request runs. There is one at a time, and it knows its leg's phase, so that what is recorded for one
/// leg cannot land in the other's place.
///
/// A tracker gives it out with `enter` and takes it back with `leave`. One that is dropped instead blocks the next until the attempt ends.
package struct PhasePermit: ~Copyable, Sendable {
    package let phase: RequestPhase
    /// Which permit of its tracker this is.
    let number: UInt32

    init(phase: RequestPhase, number: UInt32) {
        self.phase = phase
        self.number = number
    }
}

/// Why a phase was not entered, or a worker not recorded. Nobody waits for a permit: a request has one owner, which has the other one.
package enum PhaseRefusal: Error, Hashable, Sendable {
    /// The permit for this phase has not been given back.
    case permitIsOut(RequestPhase)
    /// The permit is of an attempt that is over.
    case permitIsOver
}
