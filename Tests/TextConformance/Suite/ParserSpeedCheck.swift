import ClusterModel
import Glibc
import TextProcessing

/// How fast answers are parsed, a few bytes at a time as tokens bring them. Times fail nothing; text that costs more the longer it is does.
///
///     textcheck parser-speed
enum ParserSpeedCheck {
    private static let words = "The quick brown fox jumps over the lazy dog; a < b && [c] {d}.\n"
    private static let argument = #"{"key": "value with some words", "list": [1, 2.5, true, null], "next": {"deep": "er \"quoted\""}}"#

    private static let name = String(repeating: "name_", count: 40)

    private static let cases: [(name: String, tools: ToolFormat?, reasoning: ReasoningFormat?, head: String, body: String)] = [
        ("content, no form", nil, nil, "", words), ("content, hermes", .hermes, .think, "", words),
        ("thought, hermes", .hermes, .think, "<think>", words),
        ("content, harmony", .harmony, .harmony, "<|channel|>final<|message|>", words),
        ("arguments, hermes", .hermes, .think, "<tool_call>{\"name\": \"f\", \"arguments\": [", argument + ","),
        ("arguments, qwen", .qwen, .think, "<tool_call><function=f><parameter=a>", words),
        ("arguments, pythonic", .pythonic, nil, "[f(a=[", "'some words', {'k': 1.5}, "),
        ("calls, hermes", .hermes, nil, "", "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
        ("heads, deepseek", .deepseek, nil, "", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>\(name)<"),
        ("heads, mistral", .mistral, nil, "", "[TOOL_CALLS]\(name)[CALL_ID]\(name)["),
        ("openers, hermes", .hermes, nil, "", "<tool_call>"), ("held, hermes", .hermes, nil, "", "<tool_call>{\"arguments\": {\"a\": [1"),
        ("openers, qwen", .qwen, .think, "", "<tool_call><function="), ("brackets, pythonic", .pythonic, nil, "", "[f("),
    ]

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        var isLinear = true
        for test in cases {
            let short = seconds(test, bytes: 1 << 20), long = seconds(test, bytes: 4 << 20)
            // Four times the text may cost four times as much, and as much again for what a shared machine does.
            let isFine = long < short * 16 + 0.1
            print("\(test.name): \(Int(4.194304 / long)) MB/s\(isFine ? "" : ", and slower the longer it is")")
            isLinear = isLinear && isFine
        }
        return isLinear
    }

    private static func seconds(
        _ test: (name: String, tools: ToolFormat?, reasoning: ReasoningFormat?, head: String, body: String), bytes count: Int
    ) -> Double {
        let body = Array(test.body.utf8)
        let text = Array(test.head.utf8) + (0..<count / body.count).flatMap { _ in body }
        let format = AnswerFormat(tools: test.tools, reasoning: test.reasoning, vocabulary: ByteTokenizer(specials: []).vocabulary)
        var parser = AnswerParser(format, tools: .any), events = AnswerEvents(), told = 0
        let start = now()
        for index in stride(from: 0, to: text.count, by: 5) {
            events.removeAll()
            parser.append(text.span.extracting(index..<min(index + 5, text.count)), into: &events)
            told += events.bytes.count
        }
        events.removeAll()
        parser.finish(into: &events)
        return told + events.bytes.count > 0 ? now() - start : 0
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
