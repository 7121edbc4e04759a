/// How one kind of value is written, read, bounded and shown: what an option's declaration says beside its name.
package struct ValueSyntax<Value: Sendable>: Sendable {
    /// What `--help` shows in place of the value: `ADDRESS`, `DURATION`.
    package let placeholder: String
    /// What values are allowed, for `--help`: `1 to 65535`.
    package let constraint: String?
    /// All values there are, where they are few words.
    let words: [String]
    let read: @Sendable (RawValue, FileReader) throws(ValueProblem) -> Value
    let show: @Sendable (Value) -> RawValue

    package init(
        placeholder: String,
        constraint: String? = nil,
        words: [String] = [],
        read: @escaping @Sendable (RawValue, FileReader) throws(ValueProblem) -> Value,
        show: @escaping @Sendable (Value) -> RawValue
    ) {
        self.placeholder = placeholder
        self.constraint = constraint
        self.words = words
        self.read = read
        self.show = show
    }
}

extension RawValue {
    /// The text of a value that is written in quotes in a configuration file.
    func text(_ what: String) throws(ValueProblem) -> String {
        switch self {
        case .text(let text): return text
        case .number(let digits): throw ValueProblem("the number \(digits) is not \(what)", remedy: "write it in quotes: \"\(digits)\"")
        case .truth(let truth): throw ValueProblem("\(truth) is not \(what)", remedy: "write \(what) in quotes")
        case .list, .absent: throw ValueProblem("a list is not \(what)", remedy: "write one value")
        }
    }

    /// The digits of a value that is a number in a configuration file and text elsewhere.
    func digits(_ what: String) throws(ValueProblem) -> String {
        switch self {
        case .text(let text): return text
        case .number(let digits): return digits
        case .truth(let truth): throw ValueProblem("\(truth) is not \(what)", remedy: "write \(what)")
        case .list, .absent: throw ValueProblem("a list is not \(what)", remedy: "write one value")
        }
    }
}

extension ValueSyntax<Bool> {
    /// On or off. A command line says `--name` or `--no-name`; files say `true` or `false`.
    static var truth: ValueSyntax<Bool> {
        ValueSyntax(placeholder: "") { raw, _ throws(ValueProblem) in
            if case .truth(let truth) = raw { return truth }
            switch try raw.text("a truth value").lowercasedASCII {
            case "true", "1", "yes", "on": return true
            case "false", "0", "no", "off": return false
            default: throw ValueProblem("\(raw.asWritten.quotedForMessage) is neither true nor false", remedy: "write true or false")
            }
        } show: {
            .truth($0)
        }
    }
}

extension ValueSyntax<Int> {
    /// A whole number within bounds.
    package static func integer(_ range: ClosedRange<Int>) -> ValueSyntax {
        let constraint = "\(range.lowerBound) to \(range.upperBound)"
        return ValueSyntax(placeholder: "N", constraint: constraint) { raw, _ throws(ValueProblem) in
            let digits = try raw.digits("a whole number")
            guard let value = Int(digits) else {
                throw ValueProblem("\(digits.quotedForMessage) is not a whole number", remedy: "write a whole number, \(constraint)")
            }
            guard range.contains(value) else {
                throw ValueProblem("\(value) is out of range", remedy: "write a whole number, \(constraint)")
            }
            return value
        } show: {
            .number(String($0))
        }
    }
}

extension ValueSyntax<Double> {
    /// A decimal number within bounds; no infinities, no hexadecimal.
    package static func number(_ range: ClosedRange<Double>) -> ValueSyntax {
        let constraint = "\(range.lowerBound) to \(range.upperBound)"
        return ValueSyntax(placeholder: "X", constraint: constraint) { raw, _ throws(ValueProblem) in
            let digits = try raw.digits("a number")
            let decimal = digits.utf8.allSatisfy { "0123456789.+-eE".utf8.contains($0) }
            guard decimal, let value = Double(digits), value.isFinite else {
                throw ValueProblem("\(digits.quotedForMessage) is not a number", remedy: "write a number, \(constraint)")
            }
            guard range.contains(value) else { throw ValueProblem("\(value) is out of range", remedy: "write a number, \(constraint)") }
            return value
        } show: {
            .number("\($0)")
        }
    }
}

extension ValueSyntax<String> {
    /// Any text that `problem` finds nothing wrong with.
    package static func text(
        _ placeholder: String = "TEXT",
        problem: @escaping @Sendable (String) -> ValueProblem? = { _ in nil }
    ) -> ValueSyntax {
        ValueSyntax(placeholder: placeholder) { raw, _ throws(ValueProblem) in
            let text = try raw.text("text")
            if let problem = problem(text) { throw problem }
            return text
        } show: {
            .text($0)
        }
    }

    /// A path of the file system; that it exists is checked by whoever opens it.
    package static func path(_ placeholder: String = "PATH") -> ValueSyntax {
        .text(placeholder) { path in
            guard !path.isEmpty else { return ValueProblem("the path is empty", remedy: "write a path, or leave the option out") }
            guard !path.utf8.contains(0) else { return ValueProblem("a path cannot hold a zero byte", remedy: "remove it") }
            return nil
        }
    }

    /// One of a few words that only the run of the program knows; a fixed set is an enum and `word`.
    package static func words(_ words: [String]) -> ValueSyntax {
        ValueSyntax(placeholder: "WORD", constraint: "one of \(words.joined(separator: ", "))", words: words) {
            raw, _ throws(ValueProblem) in
            let text = try raw.text("one of the words")
            guard words.contains(text) else { throw .unknownWord(text, among: words) }
            return text
        } show: {
            .text($0)
        }
    }
}

extension ValueSyntax where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enum.
    package static func word(_ type: Value.Type = Value.self) -> ValueSyntax {
        let words = Value.allCases.map(\.rawValue)
        return ValueSyntax(placeholder: "WORD", constraint: "one of \(words.joined(separator: ", "))", words: words) {
            raw, _ throws(ValueProblem) in
            let text = try raw.text("one of the words")
            guard let value = Value(rawValue: text) else { throw .unknownWord(text, among: words) }
            return value
        } show: {
            .text($0.rawValue)
        }
    }
}

extension ValueProblem {
    static func unknownWord(_ text: String, among words: [String]) -> ValueProblem {
        let meant = Suggestion.nearest(to: text, among: words).map { "did you mean \($0)? " } ?? ""
        return ValueProblem("\(text.quotedForMessage) is not a known word", remedy: "\(meant)write one of \(words.joined(separator: ", "))")
    }
}

extension String {
    /// Lower case for A to Z only: names here are ASCII, and Unicode's rules would make `K` (Kelvin) a letter k.
    var lowercasedASCII: String {
        String(decoding: utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
