/// Reads constraints for an engine: any thread may ask, before the request is accepted.
package protocol ConstraintReader: Sendable {
    func read(_ constraint: EngineConstraint) throws(ConstraintProblem) -> any ReadConstraint
}

/// A constraint as its engine has read it, so that it is read once for a request. Nobody else looks inside.
package protocol ReadConstraint: Sendable {}
