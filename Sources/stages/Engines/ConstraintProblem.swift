/// Why an engine cannot keep a constraint: what of it, and where. Quotes no value of the client's, and of its names only those on the way.
package struct ConstraintProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in words that name a keyword.
    package let reason: String
    /// Where in the constraint's source, as a JSON pointer; empty: the whole.
    package let pointer: String

    package init(_ reason: String, at pointer: String = "") {
        self.reason = reason
        self.pointer = pointer
    }

    package var description: String { pointer.isEmpty ? reason : "\(reason), at \(pointer)" }
}
