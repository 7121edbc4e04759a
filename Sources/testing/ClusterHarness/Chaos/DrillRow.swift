/// What came of one case of a drill.
///
/// Times are told and never judged: they are the machine's as much as ours. Counts are judged.
package struct DrillRow: Sendable {
    package let drill: String
    package let name: String
    package var requests = 0
    package var complete = 0
    /// Ended by an error of the agreed form.
    package var errors = 0
    /// The client left, as it had in mind.
    package var left = 0
    /// Neither of these: broken off, or malformed.
    package var lost = 0
    /// Had no end within the clients' patience.
    package var hung = 0
    /// Had text that is not the model's.
    package var wrong = 0
    /// Attempts that were followed by another one.
    package var moved: Int?
    /// Between two events of one stream.
    package var worstGap: Duration?
    /// From the fault until no frontend has anything at the process that it befell.
    package var detected: Duration?
    /// From the fault until the last stream that it held up had its next token; zero: it held up none.
    package var healed: Duration?
    /// From the last answer until nothing was held anywhere.
    package var rested: Duration?
    /// Things that processes still held a while after that, which is a failure.
    package var held = 0
    /// Further figures.
    package var notes: [(name: String, value: String)] = []
    /// Why it does not pass.
    package var failures: [String] = []
    /// Why it was not run: the machine does not permit it.
    package var skipped: String?

    package init(_ drill: String, _ name: String) {
        self.drill = drill
        self.name = name
    }

    package var passes: Bool { failures.isEmpty }

    package mutating func note(_ name: String, _ value: some CustomStringConvertible) { notes.append((name, "\(value)")) }

    /// A failure unless it holds.
    package mutating func require(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
        if !holds { failures.append(otherwise()) }
    }
}
