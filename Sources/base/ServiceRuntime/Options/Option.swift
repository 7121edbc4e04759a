/// The typed name of an option: what its declaration returns, and what reads its value.
package struct OptionKey<Value: Sendable>: OptionIdentity {
    package let name: String
    package let index: Int
}

/// An option's place in its table, whatever its type.
package protocol OptionIdentity: Sendable {
    var name: String { get }
    var index: Int { get }
}

/// One option of a table, with the type of its value erased.
package struct Option: Sendable {
    /// Where a value may come from.
    package enum Sources: Sendable {
        /// Flags, environment, file.
        case everywhere
        /// Flags and environment: the configuration file's own path.
        case outsideFile
        /// Flags only: what asks for an answer instead of a run.
        case commandLine
    }

    package enum Necessity: Sendable {
        case defaulted
        case optional
        case required
    }

    /// As a file spells it; `--name` on a command line.
    package let name: String
    package let placeholder: String
    package let constraint: String?
    /// All values there are, where they are few words.
    let words: [String]
    package let group: String
    /// One sentence that says what the value changes.
    package let help: String
    /// More, where a sentence cannot teach it: when to change it, what follows.
    package let details: String?
    package let isFlag: Bool
    package let isList: Bool
    package let necessity: Necessity
    package let sources: Sources
    /// What is shown as the default; `.absent` without one.
    package let defaultValue: RawValue
    let defaultStored: (any StoredValue)?
    let read: @Sendable ([RawValue], FileReader) -> ReadOutcome

    package var flag: String { "--\(name)" }

    /// `listen` is read from `APUS_LISTEN`.
    package var environmentName: String { Self.environmentPrefix + Self.environmentForm(name) }

    package static let environmentPrefix = "APUS_"

    static func environmentForm(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte in
                byte == UInt8(ascii: "-") ? UInt8(ascii: "_") : (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
            }, as: UTF8.self)
    }

    enum ReadOutcome {
        case value(any StoredValue, shown: RawValue)
        case problems([ValueProblem])
    }
}

/// A value of an option, of a type only its key knows.
protocol StoredValue: Sendable {}

/// A box of one exact type: a bare `any Sendable` would blur `Value?` with `Value` when it is cast back.
struct Stored<Value: Sendable>: StoredValue {
    let value: Value
}
