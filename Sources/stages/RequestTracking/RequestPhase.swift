/// What a leg of a request does. Fixed when the leg is made, and captured with it: nothing that a leg reports is sorted by a phase that
/// is read later.
package enum RequestPhase: String, Sendable, CaseIterable, CustomStringConvertible {
    /// It computes the prompt, and hands over.
    case prefill
    /// It takes over, and makes the tokens.
    case decode
    /// One leg does both.
    case aggregated

    package var description: String { rawValue }
}

/// What a worker is to a request, as metrics name it.
package enum WorkerType: String, Sendable, CaseIterable, CustomStringConvertible {
    case prefill
    case decode

    package var description: String { rawValue }
}
