/// Splits a command line into options and operands; what the values mean is decided later, together with the other sources.
///
/// `--name value`, `--name=value`, `--name` and `--no-name` for flags, `--` before what is no option, `-h` for `--help`. Names are never shortened.
struct CommandLineParser {
    private let table: OptionTable
    private let names: [String: Int]
    /// Per option of the table, what was given; `nil` where nothing was.
    private(set) var values: [[RawValue]?]
    private(set) var operands: [String] = []
    private(set) var issues: [ConfigIssue] = []
    private var repeated: Set<Int> = []

    init(_ table: OptionTable, arguments: [String]) {
        self.table = table
        names = Dictionary(uniqueKeysWithValues: table.options.enumerated().map { ($1.name, $0) })
        values = Array(repeating: nil, count: table.options.count)
        parse(arguments[...])
    }

    private mutating func parse(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let argument = rest.popFirst() {
            if argument == "--" {
                if case .none = table.process.operands, let first = rest.first {
                    unexpected(first)
                } else {
                    operands += rest
                }
                return
            } else if argument.hasPrefix("--") {
                option(argument.dropFirst(2), &rest)
            } else if argument == "-h" {
                set(table.standard.help.index, .truth(true))
            } else if argument.hasPrefix("-"), argument != "-" {
                unknown(argument, named: argument.drop { $0 == "-" }, &rest)
            } else if case .anywhere = table.process.operands {
                operands.append(argument)
            } else {
                unexpected(argument)
            }
        }
    }

    private mutating func option(_ text: Substring, _ rest: inout ArraySlice<String>) {
        let equals = text.firstIndex(of: "=")
        let name = text[..<(equals ?? text.endIndex)]
        let inline = equals.map { String(text[text.index(after: $0)...]) }

        if let index = names[String(name)] {
            let option = table.options[index]
            if option.isFlag {
                set(index, inline.map(RawValue.text) ?? .truth(true))
            } else if let value = inline {
                set(index, .text(value))
            } else if let value = rest.first, !value.hasPrefix("--") {
                rest.removeFirst()
                set(index, .text(value))
            } else {
                issue(option.flag, "no value follows", "write \(option.flag)=\(option.placeholder)")
            }
        } else if name.hasPrefix("no-"), let index = names[String(name.dropFirst(3))], table.options[index].isFlag {
            guard inline == nil else {
                return issue("--\(name)", "it takes no value", "write --\(name) alone, or \(table.options[index].flag)=false")
            }
            set(index, .truth(false))
        } else {
            unknown("--\(name)", named: name, hasValue: inline != nil, &rest)
        }
    }

    private mutating func set(_ index: Int, _ value: RawValue) {
        let option = table.options[index]
        if option.isList {
            values[index] = (values[index] ?? []) + value.splitAtCommas
        } else if values[index] == nil {
            values[index] = [value]
        } else if repeated.insert(index).inserted {
            issue(option.flag, "it is given more than once", "give it once")
        }
    }

    private mutating func unknown(_ argument: String, named name: Substring, hasValue: Bool = false, _ rest: inout ArraySlice<String>) {
        let spelled = String(name).replacingUnderscores
        let meant = Suggestion.nearest(to: spelled, among: table.options.flatMap { $0.isFlag ? [$0.name, "no-\($0.name)"] : [$0.name] })
        let shown = argument.quotedForMessage.dropFirst().dropLast()
        issue(String(shown), "there is no such option", meant.map { "did you mean --\($0)?" } ?? "see --help")
        // Most likely its value: naming it too would bury the mistake that was made. Where words stand anywhere, one cannot tell.
        if !hasValue, let next = rest.first, !next.hasPrefix("-"), !takesWordsAnywhere { rest.removeFirst() }
    }

    private var takesWordsAnywhere: Bool { if case .anywhere = table.process.operands { true } else { false } }

    private mutating func unexpected(_ argument: String) {
        let remedy =
            switch table.process.operands {
            case .afterTerminator: "options begin with two dashes; what belongs to another program stands after --"
            case .none, .anywhere: "options begin with two dashes; see --help"
            }
        issue(String(argument.quotedForMessage), "this argument belongs to no option", remedy)
    }

    private mutating func issue(_ option: String, _ problem: String, _ remedy: String) {
        issues.append(ConfigIssue(option: option, origin: .flag, problem: problem, remedy: remedy))
    }
}

extension RawValue {
    /// The values of a list option written as one text; an empty text is an empty list.
    var splitAtCommas: [RawValue] {
        guard case .text(let text) = self else { return [self] }
        if text.isEmpty { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map { .text(String($0)) }
    }
}

extension String {
    /// `queue_entries` is the commonest way to misspell `queue-entries`.
    var replacingUnderscores: String { String(decoding: utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }, as: UTF8.self) }
}
