/// The value of every option of a table, and where each came from. Made by `OptionTable.resolve`.
package struct ResolvedConfiguration: Sendable {
    struct Entry: Sendable {
        /// `nil` while the option has no good value; such a configuration is never run.
        let stored: (any StoredValue)?
        let shown: RawValue
        let origin: ConfigOrigin
    }

    let options: [Option]
    let entries: [Entry]
    /// What stood on the command line beside options.
    package let operands: [String]

    /// The value of an option. The key must be of the table that was resolved.
    package subscript<Value>(key: OptionKey<Value>) -> Value {
        precondition(key.index < options.count && options[key.index].name == key.name, "\(key.name) is of another table")
        guard let stored = entries[key.index].stored as? Stored<Value> else {
            preconditionFailure("\(key.name) has no value: a check reads an option that it does not name")
        }
        return stored.value
    }

    package func origin(of key: some OptionIdentity) -> ConfigOrigin { entries[key.index].origin }

    /// An issue about an option's present value, with its origin filled in: what checks return.
    package func issue(
        _ key: some OptionIdentity, _ severity: ConfigIssue.Severity = .error, problem: String, remedy: String
    ) -> ConfigIssue {
        let origin = entries[key.index].origin
        return ConfigIssue(
            severity, option: options[key.index].spelled(in: origin), origin: origin, problem: problem, remedy: remedy)
    }
}

extension Option {
    /// `--listen` on a command line, `listen` elsewhere: the origin names the variable or file.
    func spelled(in origin: ConfigOrigin) -> String { origin == .flag ? flag : name }
}
