import JSONText

/// A chat or text completion as a client read it, whole or as far as it came, and what was wrong with its form.
package struct ChatAnswer: Sendable {
    package struct Choice: Hashable, Sendable {
        package var text = ""
        package var finishReason: String?

        package init(text: String = "", finishReason: String? = nil) {
            self.text = text
            self.finishReason = finishReason
        }
    }

    /// `{"error": {"message", "type", "param", "code"}}`.
    package struct Failure: Hashable, Sendable {
        package let message: String
        package let type: String
        package let param: String?
        package let code: String?

        package init(message: String, type: String, param: String?, code: String?) {
            self.message = message
            self.type = type
            self.param = param
            self.code = code
        }
    }

    package struct Usage: Hashable, Sendable {
        package let promptTokens: Int
        package let completionTokens: Int
        package let cachedTokens: Int?

        package init(promptTokens: Int, completionTokens: Int, cachedTokens: Int?) {
            self.promptTokens = promptTokens
            self.completionTokens = completionTokens
            self.cachedTokens = cachedTokens
        }
    }

    package private(set) var choices: [Choice] = []
    package private(set) var failure: Failure?
    package private(set) var usage: Usage?
    /// The stream's last event said so.
    package private(set) var saidDone = false
    package private(set) var violations: [String] = []
    package private(set) var id: String?
    private var sawRole: Set<Int> = []

    package init() {}

    /// Every choice has ended for a reason, and the stream, if it was one, has ended as streams end.
    package private(set) var isComplete = false

    // MARK: Unary

    package init(unary body: [UInt8], plain: Bool) {
        guard let value = try? JSONValue(parsing: body) else {
            violations.append("the body is not JSON")
            return
        }
        if value["error"] != nil {
            fail(value)
            return
        }
        id = value["id"]?.asString
        if value["object"]?.asString != (plain ? "text_completion" : "chat.completion") { violations.append("an object of another kind") }
        for (index, choice) in (value["choices"]?.asArray ?? []).enumerated() {
            if choice["index"]?.asInt != index { violations.append("choice \(index) bears another number") }
            let text = plain ? choice["text"]?.asString : choice["message"]?["content"]?.asString
            choices.append(Choice(text: text ?? "", finishReason: choice["finish_reason"]?.asString))
        }
        usage = value["usage"].flatMap(Usage.init)
        if choices.isEmpty { violations.append("no choices") }
        if usage == nil { violations.append("no usage") }
        isComplete = violations.isEmpty && choices.allSatisfy { $0.finishReason != nil }
    }

    // MARK: Stream

    package mutating func take(_ event: EventReader.Event, plain: Bool) {
        guard !saidDone else { return violations.append("an event behind [DONE]") }
        guard failure == nil || event.data == "[DONE]" else { return violations.append("an event behind an error") }
        if !event.name.isEmpty { violations.append("a named event") }
        if event.data == "[DONE]" {
            saidDone = true
            isComplete = failure == nil && !choices.isEmpty && choices.allSatisfy { $0.finishReason != nil }
            if failure == nil, !isComplete { violations.append("[DONE] before every choice had its finish_reason") }
            return
        }
        guard let chunk = try? JSONValue(parsing: event.data) else { return violations.append("an event that is not JSON") }
        if chunk["error"] != nil { return fail(chunk) }
        read(chunk, plain: plain)
    }

    private mutating func read(_ chunk: JSONValue, plain: Bool) {
        if chunk["object"]?.asString != (plain ? "text_completion" : "chat.completion.chunk") {
            violations.append("a chunk of another kind")
        }
        guard let id = chunk["id"]?.asString else { return violations.append("a chunk without an id") }
        if let known = self.id, known != id { violations.append("the id changed within a stream") }
        self.id = id
        if let usage = chunk["usage"], !usage.isNull { self.usage = Usage(usage) }
        for choice in chunk["choices"]?.asArray ?? [] {
            guard let index = choice["index"]?.asInt, (0..<128).contains(index) else {
                violations.append("a choice without a number")
                continue
            }
            while choices.count <= index { choices.append(Choice()) }
            if choices[index].finishReason != nil { violations.append("choice \(index) goes on behind its finish_reason") }
            if !plain {
                if sawRole.insert(index).inserted, choice["delta"]?["role"]?.asString != "assistant" {
                    violations.append("the first chunk of choice \(index) names no role")
                }
            }
            choices[index].text += (plain ? choice["text"] : choice["delta"]?["content"])?.asString ?? ""
            if let reason = choice["finish_reason"]?.asString { choices[index].finishReason = reason }
        }
    }

    private mutating func fail(_ value: JSONValue) {
        guard let error = value["error"], let message = error["message"]?.asString, !message.isEmpty, let type = error["type"]?.asString,
            let param = error["param"], let code = error["code"]
        else { return violations.append("an error of another form than message, type, param, code") }
        failure = Failure(message: message, type: type, param: param.asString, code: code.asString)
    }
}

extension ChatAnswer.Usage {
    fileprivate init?(_ value: JSONValue) {
        guard let prompt = value["prompt_tokens"]?.asInt, let completion = value["completion_tokens"]?.asInt else { return nil }
        promptTokens = prompt
        completionTokens = completion
        cachedTokens = value["prompt_tokens_details"]?["cached_tokens"]?.asInt
    }
}
