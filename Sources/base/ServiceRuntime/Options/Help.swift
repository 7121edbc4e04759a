extension OptionTable {
    /// The text of `--help`, no line wider than `OptionLimits.helpColumns`.
    package var help: String {
        var text = HelpText()
        let operands =
            switch process.operands {
            case .none: ""
            case .anywhere(let usage): " \(usage)"
            case .afterTerminator(let usage): " [-- \(usage)]"
            }
        text.line("Usage: \(process.name) [OPTIONS]\(operands)")
        text.line()
        text.paragraph(process.summary)

        var groups: [String] = []
        for option in options where !groups.contains(option.group) { groups.append(option.group) }
        // A reader wants what is particular to this process first.
        groups.removeAll { $0 == StandardOptions.group }
        for group in groups + [StandardOptions.group] {
            text.line()
            text.line("\(group):")
            for option in options where option.group == group { text.option(option) }
        }

        text.line()
        text.paragraph(
            """
            Flags outrank environment variables, these the file of --config, and that the defaults. A list is a flag repeated, or \
            values between commas. Secrets are read from files only.
            """)
        if !process.examples.isEmpty {
            text.line()
            text.line("Examples:")
            for example in process.examples {
                text.paragraph(example.command, indent: 2, hanging: 6)
                text.paragraph(example.effect, indent: 6)
            }
        }
        text.line()
        text.line("Exit codes:")
        for code in ExitCode.allCases { text.line("  \(code.rawValue)  \(code.meaning)") }
        return text.text
    }
}

/// Lays out help: lines, wrapped paragraphs, options in two columns.
struct HelpText {
    private(set) var text = ""

    /// A space at which no line ends: a name and its value stay together.
    static let joint: Character = "\u{A0}"

    mutating func line(_ line: String = "") { text += line.map { $0 == Self.joint ? " " : String($0) }.joined() + "\n" }

    /// Wrapped at spaces; a word wider than the line stands alone on its own.
    mutating func paragraph(_ paragraph: String, indent: Int = 0, hanging: Int? = nil) {
        for line in Self.wrapped(paragraph, indent: indent, hanging: hanging ?? indent) { self.line(line) }
    }

    mutating func option(_ option: Option) {
        let column = OptionLimits.helpTextColumn
        let label = "  \(option.label)"
        var described = Self.wrapped(option.help, indent: column, hanging: column)
        if let details = option.details { described += Self.wrapped(details, indent: column, hanging: column) }
        described += Self.wrapped(option.facts, indent: column, hanging: column)
        if label.count + 2 <= column, let first = described.first {
            described[0] = label + first.dropFirst(label.count)
        } else {
            described.insert(label, at: 0)
        }
        for text in described { line(text) }
    }

    static func wrapped(_ paragraph: String, indent: Int, hanging: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in paragraph.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let margin = lines.isEmpty ? indent : hanging
            if !line.isEmpty, margin + line.count + 1 + word.count > OptionLimits.helpColumns {
                lines.append(String(repeating: " ", count: margin) + line)
                line = String(word)
            } else {
                line += line.isEmpty ? "\(word)" : " \(word)"
            }
        }
        if !line.isEmpty { lines.append(String(repeating: " ", count: lines.isEmpty ? indent : hanging) + line) }
        return lines
    }
}

extension Option {
    /// `--listen ADDRESS`, `--[no-]trace`, `--router ADDRESS...`
    fileprivate var label: String {
        if sources == .commandLine { return isFlag ? flag : "\(flag) \(placeholder)" }
        if isFlag { return "--[no-]\(name)" }
        return "\(flag) \(placeholder)\(isList ? "..." : "")"
    }

    /// What is allowed, the default and the variable, in brackets after the text.
    fileprivate var facts: String {
        guard sources != .commandLine else { return constraint.map { "[\($0)]" } ?? "" }
        var facts: [String] = constraint.map { [$0] } ?? []
        let shown = defaultValue.asWritten
        switch necessity {
        case .required: facts.append("required")
        case .optional: break
        case .defaulted: if !shown.isEmpty { facts.append("default:\(HelpText.joint)\(shown)") }
        }
        facts.append("env:\(HelpText.joint)\(environmentName)")
        return "[\(facts.joined(separator: "; "))]"
    }
}
