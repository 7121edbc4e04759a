import ClusterModel
import Testing

@testable import TextProcessing

@Suite("Reasoning beside content and calls") struct ReasoningTests {
    private typealias Call = ParsedAnswer.Call

    @Test(
        "a thought at the beginning, its markers and the line ends next to them gone",
        arguments: [
            ("<think>a</think>b", "a", "b"), ("\n<think>\na\n b\n\n</think>\n\nc\n", "a\n b", "c\n"), ("<think>\n\n</think>\n\nx", "", "x"),
            ("<think>a", "a", ""), ("<think>a</thi", "a</thi", ""), ("<think></think>", "", ""),
            ("<think>a <think> b</think>c", "a <think> b", "c"),
            ("<think>a\n", "a", ""), ("x <think>a</think>", "", "x <think>a</think>"), ("<thin", "", "<thin"), ("<thinx>", "", "<thinx>"),
            ("</think>b", "", "</think>b"), ("", "", ""), ("  ", "", "  "), ("<<think>a</think>", "", "<<think>a</think>"),
            ("<think>😀</think>é", "😀", "é"), ("<think>a</think> b", "a", " b"),
        ])
    func spelled(text: String, reasoning: String, content: String) {
        let answer = parse(text, nil, .think)
        #expect(answer.reasoning == reasoning)
        #expect(answer.content == content)
    }

    @Test(
        "a thought that the prompt opened",
        arguments: [
            ("a</think>b", "a", "b"), ("\na\n</think>\nb", "a", "b"), ("never closed", "never closed", ""), ("</think>b", "", "b"),
        ])
    func opened(text: String, reasoning: String, content: String) {
        let answer = parse(text, nil, .think, startsInReasoning: true)
        #expect(answer.reasoning == reasoning)
        #expect(answer.content == content)
    }

    @Test("where the marker is a special token, it counts anywhere, and its text nowhere")
    func special() {
        let specials = ["<think>", "</think>"]
        let answer = parse("x<think>a</think>y<think>b</think>z", nil, .think, specials: specials)
        #expect(answer.parts == [.content("x"), .reasoning("a"), .content("y"), .reasoning("b"), .content("z")])
        let format = AnswerFormat(tools: nil, reasoning: .think, specials: specials)
        let text = TaggedText("<think>", specials: specials).symbols + TaggedText("a</think>b").symbols
        let under = ParserUnderTest(make: { AnswerParser(format, tools: .any) }, text: TaggedText(text))
        #expect(under.parsed().parts == [.reasoning("a</think>b")])
    }

    @Test("calls behind a thought; line ends between them are nobody's")
    func calls() {
        let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"
        #expect(
            parse("<think>\nhm <tool_call>\n</think>\n\n" + call, .hermes, .think).parts == [
                .reasoning("hm <tool_call>"), .call(Call("f", "{}")),
            ])
        #expect(
            parse("<think>\nhm\n</think>\n\nNow:\n" + call, .hermes, .think).parts == [
                .reasoning("hm"), .content("Now:\n"), .call(Call("f", "{}")),
            ])
        #expect(
            parse("hm</think>{\"name\": \"f\", \"parameters\": {}}", .llama3JSON, .think, startsInReasoning: true).calls == [
                Call("f", "{}")
            ])
        #expect(parse("[THINK]a[/THINK][TOOL_CALLS]f[ARGS]{}", .mistral, .mistral).parts == [.reasoning("a"), .call(Call("f", "{}"))])
    }

    @Test("a call's special token ends a thought that was not closed; its text does not")
    func implicitEnd() {
        let text = "<think>a<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>b"
        #expect(
            parse(text, .hermes, .think, specials: ["<tool_call>", "</tool_call>"]).parts == [
                .reasoning("a"), .call(Call("f", "{}")), .content("b"),
            ])
        #expect(parse(text, .hermes, .think).content.isEmpty)
    }

    @Test("a prompt that ends with the marker has opened a thought")
    func afterPrompt() {
        #expect(ReasoningFormat.think.isOpen(after: Array("…<|im_start|>assistant\n<think>\n".utf8)))
        #expect(!ReasoningFormat.think.isOpen(after: Array("…<think>\n\n</think>\n\n".utf8)))
        #expect(!ReasoningFormat.think.isOpen(after: Array("think>".utf8)))
        #expect(!ReasoningFormat.think.isOpen(after: [UInt8]()))
        #expect(ReasoningFormat.gemma.isOpen(after: Array("<|channel>thought\n".utf8)))
        #expect(!ReasoningFormat.harmony.isOpen(after: Array("<|channel|>analysis<|message|>".utf8)))
    }

    @Test("a forced tool's arguments are the whole text, behind a thought")
    func forced() {
        func parsed(_ text: String, _ reasoning: ReasoningFormat? = nil) -> ParsedAnswer {
            let format = AnswerFormat(tools: .hermes, reasoning: reasoning, specials: [])
            return ParserUnderTest(make: { AnswerParser(format, forcing: "f") }, text: TaggedText(text)).parsed()
        }
        #expect(parsed(#" {"a": "}"} "#).parts == [.call(Call("f", #"{"a": "}"}"#))])
        #expect(parsed("<think>x</think>\n{}", .think).parts == [.reasoning("x"), .call(Call("f", "{}"))])
        #expect(parsed(#"{"a": 1"#).parts == [.call(Call("f", #"{"a": 1"#))])
        #expect(parsed("\nsorry {}\n").parts == [.content("\nsorry {}\n")])
        #expect(parsed("{} \nx y").parts == [.call(Call("f", "{}")), .content(" \nx y")])
        #expect(parsed(" ").parts == [.content(" ")])
        #expect(parsed("").parts == [])
    }

    @Test("no form at all: everything is content at once")
    func plain() {
        #expect(parse("<think>a</think><tool_call>", nil, heldAtMost: 0).parts == [.content("<think>a</think><tool_call>")])
    }
}
