/// Every option of one process, declared once: name, meaning, bounds, default and help.
///
/// A declaration returns the key that reads the value, so no name is written twice:
/// ```swift
/// var table = OptionTable(process)
/// table.group("Network")
/// let listen = table.option("listen", .address(.http), default: "127.0.0.1:8000", help: "Where clients connect.")
/// …
/// resolved[listen]
/// ```
/// Names are unique, lower case with dashes, and do not begin with `no-`; breaking that is a programmer's mistake and traps.
package struct OptionTable: Sendable {
    package let process: ProcessDescription
    package private(set) var options: [Option] = []
    /// The options every process has.
    package let standard: StandardOptions
    private(set) var checks: [Check] = []
    private var currentGroup = StandardOptions.group

    /// A rule over several options.
    struct Check: Sendable {
        let options: [Int]
        let body: @Sendable (ResolvedConfiguration) -> [ConfigIssue]
    }

    package init(_ process: ProcessDescription) {
        self.process = process
        var declaring = Declaring()
        standard = StandardOptions(in: &declaring)
        options = declaring.options
        currentGroup = "Options"
    }

    /// Options declared from here on stand under this title in `--help`.
    package mutating func group(_ title: String) { currentGroup = title }

    /// An option with a default.
    package mutating func option<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, default value: Value, help: String, details: String? = nil
    ) -> OptionKey<Value> {
        declaring { $0.option(name, syntax, default: value, help: help, details: details) }
    }

    /// An option that may stay unset.
    package mutating func optional<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, help: String, details: String? = nil
    ) -> OptionKey<Value?> {
        declaring { $0.optional(name, syntax, help: help, details: details) }
    }

    /// An option without which the process cannot start.
    package mutating func required<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, help: String, details: String? = nil
    ) -> OptionKey<Value> {
        declaring { $0.required(name, syntax, help: help, details: details) }
    }

    /// An option of several values: the flag repeated, or values separated by commas; in a file an array.
    ///
    /// A source replaces the list of a weaker source, it does not add to it. A value that holds a comma can only stand in a file.
    package mutating func list<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, default values: [Value] = [],
        count: ClosedRange<Int> = 0...OptionLimits.listValues, help: String, details: String? = nil
    ) -> OptionKey<[Value]> {
        declaring { $0.list(name, syntax, default: values, count: count, help: help, details: details) }
    }

    /// A switch: `--name` and `--no-name`.
    package mutating func flag(_ name: String, default value: Bool = false, help: String, details: String? = nil) -> OptionKey<Bool> {
        declaring { $0.flag(name, default: value, help: help, details: details) }
    }

    /// A secret: declares `name-file`, the path of a file that holds it. There is no other way to give one.
    package mutating func secret(_ name: String, help: String, details: String? = nil) -> OptionKey<Secret?> {
        declaring { $0.optional("\(name)-file", .secretFile, help: help, details: details) }
    }

    /// A rule over several options. It runs when each of them has a good value, so that one mistake is not reported twice.
    package mutating func check(_ options: any OptionIdentity..., body: @escaping @Sendable (ResolvedConfiguration) -> [ConfigIssue]) {
        for option in options { precondition(self.options[option.index].name == option.name, "\(option.name) is of another table") }
        checks.append(Check(options: options.map(\.index), body: body))
    }

    private mutating func declaring<Value>(_ body: (inout Declaring) -> OptionKey<Value>) -> OptionKey<Value> {
        var declaring = Declaring(options: options, group: currentGroup)
        options = []  // one owner, so that appending does not copy
        defer { options = declaring.options }
        return body(&declaring)
    }
}
