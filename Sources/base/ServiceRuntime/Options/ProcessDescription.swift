/// What a process says about itself in `--help` and `--version`.
package struct ProcessDescription: Sendable {
    /// A command line worth copying, and what it does.
    package struct Example: Sendable {
        package let command: String
        package let effect: String

        package init(_ command: String, _ effect: String) {
            self.command = command
            self.effect = effect
        }
    }

    /// What may stand on the command line beside options.
    package enum Operands: Sendable {
        case none
        /// Words anywhere, such as `load TRACE`; the text is what the usage line shows.
        case anywhere(usage: String)
        /// Only after `--`: the command line of another program.
        case afterTerminator(usage: String)
    }

    package let name: String
    /// A sentence or two: what the process is.
    package let summary: String
    package let protocolVersion: String
    package let operands: Operands
    package let examples: [Example]

    package init(name: String, summary: String, protocolVersion: String, operands: Operands = .none, examples: [Example] = []) {
        self.name = name
        self.summary = summary
        self.protocolVersion = protocolVersion
        self.operands = operands
        self.examples = examples
    }
}
