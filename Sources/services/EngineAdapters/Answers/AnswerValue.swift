import ClusterModel
import JSONText

/// A member of a server's answer, with its path: what is read of it is what it must be, or a problem that names it. Paths are of the names
/// that are asked for here, and quote nothing of the answer.
struct AnswerValue {
    let path: String
    /// Nil where there is no such member, or null stands there: servers write both for what they do not say.
    let value: JSONValue?

    init(parsing bytes: UnsafeRawBufferPointer) throws(ServerProblem) {
        do throws(JSONError) { value = try JSONValue(parsing: bytes, limits: AnswerLimits.json) } catch {
            throw .malformed("\(error.reason), at byte \(error.offset + 1)")
        }
        path = ""
    }

    init(parsing bytes: [UInt8]) throws(ServerProblem) {
        do throws(JSONError) { value = try JSONValue(parsing: bytes, limits: AnswerLimits.json) } catch {
            throw .malformed("\(error.reason), at byte \(error.offset + 1)")
        }
        path = ""
    }

    private init(_ path: String, _ value: JSONValue?) {
        self.path = path
        if let value, !value.isNull { self.value = value } else { self.value = nil }
    }

    subscript(name: String) -> AnswerValue { AnswerValue(path.isEmpty ? name : "\(path).\(name)", value?[name]) }

    /// The first of these members that is there: what servers call the same thing in different releases.
    func first(of names: String...) -> AnswerValue {
        for name in names where self[name].value != nil { return self[name] }
        return self[names[0]]
    }

    func problem(_ reason: String) -> ServerProblem { .malformed(path.isEmpty ? reason : "\(path) \(reason)") }

    var isObject: Bool { value?.asObject != nil }

    // MARK: As types

    func text(atMost bytes: Int = AnswerLimits.nameBytes) throws(ServerProblem) -> String? {
        guard let value else { return nil }
        guard let text = value.asString else { throw problem("must be a string") }
        guard text.utf8.count <= bytes else { throw problem("is longer than \(bytes) bytes") }
        return text
    }

    func flag() throws(ServerProblem) -> Bool? {
        guard let value else { return nil }
        guard let flag = value.asBool else { throw problem("must be true or false") }
        return flag
    }

    func count(atMost most: Int = .max) throws(ServerProblem) -> Int? {
        guard let value else { return nil }
        guard let count = value.asInt, count >= 0, count <= most else { throw problem("must be a whole number from 0 to \(most)") }
        return count
    }

    func number() throws(ServerProblem) -> Double? {
        guard let value else { return nil }
        guard let number = value.asDouble else { throw problem("must be a number") }
        return number
    }

    func elements(atMost most: Int) throws(ServerProblem) -> [AnswerValue]? {
        guard let value else { return nil }
        guard let elements = value.asArray else { throw problem("must be an array") }
        guard elements.count <= most else { throw problem("has more than \(most) elements") }
        return elements.enumerated().map { AnswerValue("\(path)[\($0.offset)]", $0.element) }
    }

    /// The last elements of an array, as many as there are; nil where there is none. Those before are not looked at.
    func last(_ count: Int, atMost most: Int) throws(ServerProblem) -> [AnswerValue]? {
        guard let value else { return nil }
        guard let elements = value.asArray else { throw problem("must be an array") }
        guard elements.count <= most else { throw problem("has more than \(most) elements") }
        return elements.suffix(count).map { AnswerValue("\(path)[]", $0) }
    }

    /// Ids of tokens; empty where there are none.
    func tokens() throws(ServerProblem) -> [TokenID] {
        guard let value else { return [] }
        guard let elements = value.asArray else { throw problem("must be an array of tokens") }
        guard elements.count <= AnswerLimits.tokens else { throw problem("has more than \(AnswerLimits.tokens) tokens") }
        var tokens: [TokenID] = []
        tokens.reserveCapacity(elements.count)
        for element in elements {
            guard let token = element.asUInt64.flatMap(TokenID.init(exactly:)) else { throw problem("must be an array of tokens") }
            tokens.append(token)
        }
        return tokens
    }
}

extension Float {
    /// What cannot be has a log probability without end in some servers' words, and none in JSON's.
    init(clampingLogprob logprob: Double) {
        self = Float(min(max(logprob, -Double(Float.greatestFiniteMagnitude)), 0))
    }
}
