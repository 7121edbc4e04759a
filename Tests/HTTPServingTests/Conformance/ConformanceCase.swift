import JSONText
import TestSupport
import Testing

/// What a client sends, and what RFC 9110 or 9112 wants to come back. The table is `Tests/Fixtures/http/conformance.json`, which `deploy/dev/edge`
/// replays against a living frontend.
///
/// Members: `send` the bytes, a character each, where a pair of a text and a number repeats; `then` what follows once the server has said 100;
/// `finish` the client says that it sends no more; `answers` the statuses in their order, a list where several are right; `kept` whether the
/// connection serves a further request; `has` and `lacks` fields of the last answer; `head` the last answer has no body; `interim` whether
/// 100 has to come, or must not; `echo` the body that the application has to get.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum Interim: String { case must, never, either }

    let name: String
    /// The number of the RFC and a section of it.
    let rule: String
    let send: [UInt8]
    let then: [UInt8]
    let finishes: Bool
    let answers: [[Int]]
    let isKept: Bool
    /// Values, or nil where any will do.
    let has: [(name: String, value: String?)]
    let lacks: [String]
    let isHead: Bool
    let interim: Interim
    let echo: String?

    var testDescription: String { "\(rule): \(name)" }

    static let all: [ConformanceCase] = HTTPFixture.array("conformance").map { ConformanceCase($0) }

    private init(_ value: JSONValue) {
        name = value["name"]?.asString ?? ""
        rule = value["rfc"]?.asString ?? ""
        send = HTTPFixture.bytes(value["send"])
        then = HTTPFixture.bytes(value["then"])
        finishes = value["finish"]?.asBool ?? false
        answers = value["answers"]?.asArray?.map { $0.asArray?.compactMap(\.asInt) ?? [$0.asInt ?? 0] } ?? [[0]]
        isKept = value["kept"]?.asBool ?? false
        has = value["has"]?.asObject?.members.map { ($0.name, $0.value.asString) } ?? []
        lacks = value["lacks"]?.asArray?.compactMap(\.asString) ?? []
        isHead = value["head"]?.asBool ?? false
        interim = value["interim"]?.asString.flatMap { Interim(rawValue: $0) } ?? .either
        echo = value["echo"]?.asString
    }
}

/// Files of `Tests/Fixtures/http`.
enum HTTPFixture {
    static func array(_ name: String) -> [JSONValue] {
        let path = "\(GoldenVectors.root)/Tests/Fixtures/http/\(name).json"
        guard let value = try? JSONValue(parsing: GoldenVectors.contents(path), limits: .file), let array = value.asArray else {
            preconditionFailure("\(path) is no array")
        }
        return array
    }

    /// A text, each of whose characters is a byte; or texts and pairs of a text and how often it stands there.
    static func bytes(_ value: JSONValue?) -> [UInt8] {
        if let text = value?.asString { return text.unicodeScalars.map { UInt8($0.value) } }
        return value?.asArray?.flatMap { part -> [UInt8] in
            guard let pair = part.asArray, let count = pair.last?.asInt else { return bytes(part) }
            return Array(repeatElement(bytes(pair.first), count: count).joined())
        } ?? []
    }
}
