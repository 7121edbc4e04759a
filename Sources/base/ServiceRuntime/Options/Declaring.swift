/// Turns declarations into options: what a table, and the standard options before it, are made with.
struct Declaring {
    var options: [Option] = []
    var group = StandardOptions.group

    mutating func option<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, default value: Value, sources: Option.Sources = .everywhere,
        help: String, details: String? = nil
    ) -> OptionKey<Value> {
        add(name, syntax, .defaulted, sources, stored: Stored(value: value), shown: syntax.show(value), help, details) { $0 }
    }

    mutating func optional<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, sources: Option.Sources = .everywhere, help: String, details: String? = nil
    ) -> OptionKey<Value?> {
        add(name, syntax, .optional, sources, stored: Stored<Value?>(value: nil), shown: .absent, help, details) { Swift.Optional($0) }
    }

    mutating func required<Value>(_ name: String, _ syntax: ValueSyntax<Value>, help: String, details: String?) -> OptionKey<Value> {
        add(name, syntax, .required, .everywhere, stored: nil, shown: .absent, help, details) { $0 }
    }

    mutating func flag(
        _ name: String, default value: Bool = false, sources: Option.Sources = .everywhere, help: String, details: String? = nil
    ) -> OptionKey<Bool> {
        add(name, .truth, .defaulted, sources, stored: Stored(value: value), shown: .truth(value), isFlag: true, help, details) { $0 }
    }

    mutating func list<Value>(
        _ name: String, _ syntax: ValueSyntax<Value>, default values: [Value], count: ClosedRange<Int>, help: String, details: String?
    ) -> OptionKey<[Value]> {
        precondition(values.isEmpty || count.contains(values.count), "the default of \(name) breaks its own bounds")
        return append(
            Option(
                name: name, placeholder: syntax.placeholder, constraint: syntax.constraint, words: syntax.words, group: group, help: help,
                details: details,
                isFlag: false, isList: true, necessity: values.isEmpty && count.lowerBound > 0 ? .required : .defaulted,
                sources: .everywhere,
                defaultValue: .list(values.map(syntax.show)),
                defaultStored: count.contains(values.count) ? Stored(value: values) : nil,
                read: { raw, reader in Self.readList(raw, syntax, count, reader) }))
    }

    /// All that is wrong with one value at a time, so that a list of ten with two mistakes shows both.
    private static func readList<Value>(
        _ raw: [RawValue], _ syntax: ValueSyntax<Value>, _ count: ClosedRange<Int>, _ reader: FileReader
    ) -> Option.ReadOutcome {
        guard count.contains(raw.count) else {
            let bounds = count.lowerBound == count.upperBound ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
            return .problems([ValueProblem("\(raw.count) values are given", remedy: "give \(bounds)")])
        }
        var values: [Value] = []
        var problems: [ValueProblem] = []
        for (position, raw) in raw.enumerated() {
            do throws(ValueProblem) {
                values.append(try syntax.read(raw, reader))
            } catch {
                problems.append(ValueProblem("value \(position + 1): \(error.problem)", remedy: error.remedy))
            }
        }
        return problems.isEmpty ? .value(Stored(value: values), shown: .list(values.map(syntax.show))) : .problems(problems)
    }

    private mutating func add<Value, Kept>(
        _ name: String, _ syntax: ValueSyntax<Value>, _ necessity: Option.Necessity, _ sources: Option.Sources,
        stored: Stored<Kept>?, shown: RawValue, isFlag: Bool = false, _ help: String, _ details: String?,
        keep: @escaping @Sendable (Value) -> Kept
    ) -> OptionKey<Kept> {
        append(
            Option(
                name: name, placeholder: syntax.placeholder, constraint: syntax.constraint, words: syntax.words, group: group, help: help,
                details: details,
                isFlag: isFlag, isList: false, necessity: necessity, sources: sources, defaultValue: shown, defaultStored: stored,
                read: { raw, reader in
                    // The readers of command line, environment and file hand over exactly one value to what is no list.
                    guard let raw = raw.first else { return .problems([ValueProblem("there is no value", remedy: "give one")]) }
                    do throws(ValueProblem) {
                        let value = try syntax.read(raw, reader)
                        return .value(Stored(value: keep(value)), shown: syntax.show(value))
                    } catch {
                        return .problems([error])
                    }
                }))
    }

    private mutating func append<Value>(_ option: Option) -> OptionKey<Value> {
        let name = option.name
        let wellFormed = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
        }
        precondition(wellFormed && !name.isEmpty && !name.hasPrefix("-") && !name.hasPrefix("no-"), "\(name) is no name for an option")
        precondition(!options.contains { $0.name == name }, "\(name) is declared twice")
        options.append(option)
        return OptionKey(name: name, index: options.count - 1)
    }
}
