/// What is wrong with a file that should be a record.
package struct RecordFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1; 0: the file as a whole.
    package let line: Int
    /// Such as `legs[0].worker`; empty: the line as a whole.
    package let member: String
    package let problem: String

    package init(line: Int, member: String, problem: String) {
        self.line = line
        self.member = member
        self.problem = problem
    }

    package var description: String {
        (line > 0 ? "line \(line): " : "") + (member.isEmpty ? "" : "\(member): ") + problem
    }
}
