import JSONText
import ServiceRuntime

/// Bounds of a file of answers: more than anybody writes by hand.
enum MockAnswerLimits {
    static let fileBytes = 4 << 20
    static let answers = 1_024
    /// Of one thought or answer.
    static let textBytes = 256 << 10
    /// Of one answer, and each of them.
    static let signs = 16
    static let signBytes = 4 << 10
    static let json = JSONLimits(depth: 4, bytes: fileBytes, values: 1 << 16)
}

/// What a mock is to say, as its operator wrote it: a JSON object a line, or one array of them.
struct MockAnswersFile: Sendable {
    struct Answer: Sendable {
        /// For errors: the line, or the place in the array.
        let place: String
        var says = ""
        var thinks: String?
        /// Texts one of which is to stand in the prompt; none: any prompt.
        var when: [String] = []
    }

    let path: String
    let answers: [Answer]

    init(_ path: String, _ contents: [UInt8]) throws(ValueProblem) {
        self.path = path
        var answers: [Answer] = []
        if contents.first(where: { !Self.blanks.contains($0) }) == UInt8(ascii: "[") {
            let elements = try Self.parse(contents, "the array").asArray ?? []
            for (index, element) in elements.enumerated() { answers.append(try Self.answer(element, "entry \(index + 1)")) }
        } else {
            for (index, line) in contents.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
            where !line.allSatisfy({ Self.blanks.contains($0) }) {
                let place = "line \(index + 1)"
                answers.append(try Self.answer(try Self.parse(Array(line), place), place))
                guard answers.count <= MockAnswerLimits.answers else { break }
            }
        }
        guard !answers.isEmpty else { throw ValueProblem("there is no answer in it", remedy: #"write lines such as {"says": "Hello"}"#) }
        guard answers.count <= MockAnswerLimits.answers else {
            throw ValueProblem("it has more than \(MockAnswerLimits.answers) answers", remedy: "leave some out")
        }
        self.answers = answers
    }

    private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]

    private static func parse(_ text: [UInt8], _ place: String) throws(ValueProblem) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: text, limits: MockAnswerLimits.json) } catch {
            throw ValueProblem("\(place): \(error.reason), at byte \(error.offset + 1)", remedy: "correct it there")
        }
    }

    private static func answer(_ value: JSONValue, _ place: String) throws(ValueProblem) -> Answer {
        guard let object = value.asObject else { throw wrong(place, "it must be an object") }
        var answer = Answer(place: place), says: String?
        for member in object.members {
            let most = member.name == "when" ? MockAnswerLimits.signBytes : MockAnswerLimits.textBytes
            switch member.name {
            case "says": says = try text(member.value, "\(place): says", most)
            case "thinks": answer.thinks = try text(member.value, "\(place): thinks", most)
            case "when":
                let texts = member.value.asArray ?? [member.value]
                guard (1...MockAnswerLimits.signs).contains(texts.count) else {
                    throw wrong("\(place): when", "it has 1 to \(MockAnswerLimits.signs) texts")
                }
                for text in texts {
                    let sign = try self.text(text, "\(place): when", most)
                    guard !sign.isEmpty else { throw wrong("\(place): when", "an empty text stands in every prompt") }
                    answer.when.append(sign)
                }
            default: throw wrong(place, "the member \(member.name.quotedForMessage) is not known; there are says, thinks and when")
            }
        }
        guard let says else { throw wrong("\(place): says", "it is missing") }
        answer.says = says
        return answer
    }

    private static func text(_ value: JSONValue, _ place: String, _ most: Int) throws(ValueProblem) -> String {
        guard let text = value.asString else { throw wrong(place, "it must be a text") }
        guard text.utf8.count <= most else { throw wrong(place, "it is longer than \(most) bytes") }
        return text
    }

    private static func wrong(_ place: String, _ what: String) -> ValueProblem {
        ValueProblem("\(place): \(what)", remedy: "correct it there")
    }
}

extension ValueSyntax<MockAnswersFile> {
    /// A path that is read at once, so that `--check-config` finds a mistake before the process runs.
    static var mockAnswers: ValueSyntax<MockAnswersFile> {
        ValueSyntax(placeholder: "FILE") { raw, reader throws(ValueProblem) in
            guard case .text(let path) = raw, !path.isEmpty else {
                throw ValueProblem("it is no path", remedy: "write the path of a file with answers")
            }
            let bytes: [UInt8]
            do throws(FileReadError) { bytes = try reader.read(path, MockAnswerLimits.fileBytes) } catch {
                throw ValueProblem(error.description, remedy: "make the file readable to this process, or correct the path")
            }
            return try MockAnswersFile(path, bytes)
        } show: {
            .text($0.path)
        }
    }
}
