package import Engines
package import HTTPClient
package import JSONText

/// What went wrong between us and an engine's server. Quotes nothing of a request and nothing of an answer but names of fields.
package enum ServerProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// No answer, or none that ended.
    case unanswered(HTTPClientError)
    /// An answer that is no success; the field is the one that the server blames, if it names one.
    case refused(status: Int, field: String?)
    /// An answer that makes no sense, and where.
    case malformed(String)
    /// What the server says in the middle of an answer.
    case failed(status: Int?)
    /// The request asks for what this adapter cannot ask of its server.
    case unsupported(String)

    package var description: String {
        switch self {
        case .unanswered(let error): "no answer: \(error)"
        case .refused(let status, nil): "status \(status)"
        case .refused(let status, let field?): "status \(status) for \(field)"
        case .malformed(let what): "a malformed answer: \(what)"
        case .failed(nil): "the server failed within its answer"
        case .failed(let status?): "the server failed within its answer: status \(status)"
        case .unsupported(let field): "\(field) is not supported"
        }
    }

    /// How the request that it happened to ends.
    package var fault: EngineFault {
        switch self {
        case .refused(429, _), .refused(503, _), .failed(429), .failed(503): .capacity
        case .refused(400..<500, let field?): .unsupported(field)
        case .unsupported(let field): .unsupported(field)
        case .unanswered, .refused, .malformed, .failed: .failed("the engine's server: \(self)")
        }
    }

    /// The server is gone, for this request at the least.
    var isAbsence: Bool {
        switch self {
        case .unanswered(.connecting), .unanswered(.closedBeforeAnswer), .unanswered(.cutShort): true
        case .unanswered, .refused, .malformed, .failed, .unsupported: false
        }
    }

    /// From the body of an answer that is no success: `{"error": {"message", "param", "code"}}`, with or without the outer object.
    package static func refusal(status: Int, _ body: [UInt8]) -> ServerProblem {
        guard let value = try? JSONValue(parsing: body, limits: AnswerJSON.limits) else { return .refused(status: status, field: nil) }
        let error = value["error"] ?? value
        return .refused(status: status, field: field(error["param"]) ?? field(ofDetail: value["detail"]))
    }

    /// An error object in the middle of a stream.
    package static func failure(_ error: JSONValue) -> ServerProblem {
        let status = (error["code"] ?? error["status_code"])?.asInt
        if let status, (400..<500).contains(status) { return .refused(status: status, field: field(error["param"])) }
        return .failed(status: status)
    }

    /// A name, and nothing that could be a value of the client's.
    private static func field(_ value: JSONValue?) -> String? {
        guard let text = value?.asString, !text.isEmpty, text.utf8.count <= ServerLimits.fieldBytes else { return nil }
        let isName = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
        guard isName else { return nil }
        return text.hasPrefix("body.") ? String(text.dropFirst("body.".count)) : text
    }

    /// As the validation of some servers says it: a list of places and what is wrong there.
    private static func field(ofDetail detail: JSONValue?) -> String? {
        guard let place = detail?[0]?["loc"]?.asArray else { return nil }
        return field(place.last { $0.asString != "body" })
    }
}

/// What an answer's JSON may cost: no event of a server is deep or has many values, logprobs of some tokens the most.
package enum AnswerJSON {
    package static let limits = JSONLimits(depth: 32, bytes: ServerLimits.answerBytes, values: 1 << 18)

    package static func parse(_ text: UnsafeRawBufferPointer) throws(ServerProblem) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: text, limits: limits) } catch {
            throw .malformed("\(error.code), at byte \(error.offset + 1)")
        }
    }

    package static func parse(_ text: [UInt8]) throws(ServerProblem) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: text, limits: limits) } catch {
            throw .malformed("\(error.code), at byte \(error.offset + 1)")
        }
    }
}
