import HTTPServing
import JSONText

/// An order to a process, as it came: a JSON object whose members are read by name, once each.
///
/// Orders change what a process does, so they are taken from this machine, or with the token, and not from a web page: the body must say that it is
/// JSON, which no page may send elsewhere unasked, and a request that names its page is refused.
package struct AdminOrder: ~Copyable {
    private let members: JSONObject
    private var read: Set<String> = []

    init(_ request: HTTPRequest) throws(AdminRefusal) {
        if request.headers.contains("Origin") { throw AdminRefusal(.forbidden, field: "Origin", "orders are not taken from web pages") }
        let type = request.headers["Content-Type"]?.split(separator: ";").first.map { String($0).lowercased() }
        guard type?.trimmingBlanks == "application/json" else {
            throw AdminRefusal(.unsupportedMediaType, field: "Content-Type", "an order is application/json")
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: request.body) } catch {
            throw AdminRefusal(.badRequest, field: "", "the body is not JSON: \(error)")
        }
        guard let object = value.asObject else { throw AdminRefusal(.badRequest, field: "", "an order is a JSON object") }
        members = object
    }

    // MARK: Members

    /// A whole number; nil if it is not there.
    package mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(AdminRefusal) -> Int? {
        guard let value = take(name) else { return nil }
        guard let number = value.asInt, range.contains(number) else {
            throw AdminRefusal(.badRequest, field: name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Any number; nil if it is not there.
    package mutating func number(_ name: String, in range: ClosedRange<Double>) throws(AdminRefusal) -> Double? {
        guard let value = take(name) else { return nil }
        guard let number = value.asDouble, range.contains(number) else {
            throw AdminRefusal(.badRequest, field: name, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A text; nil if it is not there.
    package mutating func text(_ name: String) throws(AdminRefusal) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.asString else { throw AdminRefusal(.badRequest, field: name, "a text") }
        return text
    }

    /// True or false; nil if it is not there.
    package mutating func truth(_ name: String) throws(AdminRefusal) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let truth = value.asBool else { throw AdminRefusal(.badRequest, field: name, "true or false") }
        return truth
    }

    /// One of several words.
    package mutating func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(AdminRefusal) -> Word {
        guard let text = take(name)?.asString, let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw AdminRefusal(.badRequest, field: name, "one of: \(words)")
        }
        return word
    }

    /// Whoever sent it believes that every member means something.
    package func finish() throws(AdminRefusal) {
        for name in members.names where !read.contains(name) {
            throw AdminRefusal(.badRequest, field: name, "this order has no such member")
        }
    }

    private mutating func take(_ name: String) -> JSONValue? {
        read.insert(name)
        return members[name]
    }
}

/// Why an order was not carried out.
package struct AdminRefusal: Error, Sendable {
    let status: HTTPStatus
    let field: String
    let reason: String
    private var pause: Duration?

    init(_ status: HTTPStatus, field: String, _ reason: String) {
        self.status = status
        self.field = field
        self.reason = reason
    }

    /// The order is a good one, and not for now.
    package static func conflict(_ reason: String) -> AdminRefusal { AdminRefusal(.conflict, field: "", reason) }

    package static func notFound(_ field: String, _ reason: String) -> AdminRefusal { AdminRefusal(.notFound, field: field, reason) }

    package static func invalid(_ field: String, _ reason: String) -> AdminRefusal { AdminRefusal(.badRequest, field: field, reason) }

    static func tooManyTries(_ pause: Duration) -> AdminRefusal {
        var refusal = AdminRefusal(.tooManyRequests, field: "Authorization", "too many wrong tokens came from this address; wait a minute")
        refusal.pause = pause
        return refusal
    }

    /// For who was told to wait.
    var headers: [HTTPField] { pause.map { [HTTPField("Retry-After", "\($0.components.seconds + 1)")] } ?? [] }

    /// The same for a browser, with the form in which it may give the token.
    var page: HTTPResponse { LoginPage.response(status, reason, headers: headers) }

    var response: HTTPResponse {
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.key("message")
        json.string(field.isEmpty ? reason : "\(field): \(reason)")
        json.key("type")
        json.string(status.code < 500 ? "invalid_request_error" : "server_error")
        json.key("param")
        if field.isEmpty { json.null() } else { json.string(field) }
        json.key("code")
        json.string(String(status.reason.lowercased().map { $0 == " " ? "_" : $0 }))
        json.endObject()
        json.endObject()
        return .json(status, json.finish(), headers: headers)
    }
}

extension String {
    fileprivate var trimmingBlanks: Substring {
        var rest = self[...]
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        return rest
    }
}
