import ClusterModel
import JSONText
import TextProcessing

/// Reads answers that chat templates rendered, each cut everywhere and nowhere, and compares the calls with those that were rendered.
///
///     textcheck answers FILE
enum AnswersCheck {
    /// What a template renders differently from what its model writes, or does not render at all.
    private static let reasons = [
        "NVIDIA-Nemotron-Nano-v2.jinja/said": "puts what is said into a turn of its own",
        "NVIDIA-Nemotron-Nano-v2.jinja/two": "puts what is said into a turn of its own",
    ]

    private struct Answer {
        var content: [UInt8] = []
        var calls: [(name: String, arguments: [UInt8])] = []
    }

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 1 else { throw CheckError(reason: "the file of answers is expected") }
        let file: JSONValue
        do { file = try JSONValue(parsing: FormatsCheck.text(of: arguments[0])) } catch { throw CheckError(reason: "\(error)") }
        guard let answers = file["answers"]?.asArray, let tools = file["tools"]?.asArray else {
            throw CheckError(reason: "the file has no answers")
        }
        let list = ToolList(
            tools.map { ToolDefinition(name: $0["function"]?["name"]?.asString ?? "", json: String(decoding: $0.encoded(), as: UTF8.self)) }
        )
        var read = 0, differing = 0, unknown: Set<String> = [], excused: Set<String> = []
        for answer in answers {
            guard let source = answer["source"]?.asString, let name = answer["template"]?.asString, let text = answer["text"]?.asString,
                let title = answer["conversation"]?.asString
            else { throw CheckError(reason: "an answer lacks a member") }
            guard let format = ToolFormat.detected(inTemplate: source) else {
                unknown.insert(name)
                continue
            }
            let reasoning = ReasoningFormat.detected(inTemplate: source)
            let form = AnswerFormat(tools: format, reasoning: reasoning, vocabulary: ByteTokenizer(specials: []).vocabulary)
            let parser = AnswerParser(form, tools: list, startsInReasoning: answer["isThinking"]?.asBool ?? false)
            for step in [text.utf8.count, 1, 7] {
                read += 1
                let fault = fault(of: parse(Array(text.utf8), parser, step: max(1, step)), expected: answer)
                guard let fault else { continue }
                if let reason = reasons["\(name)/\(title)"] {
                    if excused.insert("\(name)/\(title)").inserted { print("\(name), \(title): \(reason)") }
                    continue
                }
                differing += 1
                print("\(name), \(title), \(format.rawValue), pieces of \(step): \(fault)\n    \(text.debugDescription)")
            }
        }
        print("answers: \(read) read, \(differing) differ; no form is known for \(unknown.sorted().joined(separator: ", "))")
        let unused = reasons.keys.filter { !excused.contains($0) }.sorted()
        for name in unused { print("answers: \(name) is excused for nothing") }
        return differing == 0 && read > 0 && unused.isEmpty
    }

    private static func parse(_ text: [UInt8], _ start: AnswerParser, step: Int) -> Answer {
        var parser = start, events = AnswerEvents(), answer = Answer()
        for index in stride(from: 0, to: text.count, by: step) {
            let piece = Array(text[index..<min(index + step, text.count)])
            parser.append(piece.span, into: &events)
        }
        parser.finish(into: &events)
        for event in events.list {
            switch event.kind {
            case .content: answer.content += events.text(of: event)
            case .callBegan(_, let name, _): answer.calls.append((name, []))
            case .arguments: answer.calls[answer.calls.count - 1].arguments += events.text(of: event)
            case .reasoning, .callEnded: break
            }
        }
        return answer
    }

    private static func fault(of answer: Answer, expected: JSONValue) -> String? {
        let calls = expected["calls"]?.asArray ?? []
        guard calls.count == answer.calls.count else { return "\(answer.calls.count) calls instead of \(calls.count)" }
        for (call, expected) in zip(answer.calls, calls) {
            guard call.name == expected["name"]?.asString else { return "the name is \(call.name)" }
            let arguments = String(decoding: call.arguments, as: UTF8.self)
            guard let value = try? JSONValue(parsing: call.arguments), isSame(value, expected["arguments"] ?? .null) else {
                return "the arguments are \(arguments)"
            }
        }
        let said = String(decoding: answer.content, as: UTF8.self)
        // Templates may leave the words beside calls out; nothing else may be there.
        let isGood = [expected["content"]?.asString ?? "", ""].contains {
            said.split(whereSeparator: \.isWhitespace).joined(separator: " ") == $0
        }
        return isGood ? nil : "the content is \(said.debugDescription)"
    }

    /// Equal but for the order of members and for how strings are escaped.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if let left = left.asObject, let right = right.asObject {
            return left.count == right.count
                && left.members.allSatisfy { member in right[member.name].map { isSame(member.value, $0) } ?? false }
        }
        if let left = left.asArray, let right = right.asArray { return left.count == right.count && zip(left, right).allSatisfy(isSame) }
        return left == right
    }
}
