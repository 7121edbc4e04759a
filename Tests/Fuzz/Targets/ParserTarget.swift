import ClusterModel
import TextProcessing

extension FuzzTarget {
    /// An answer on its way from tokens to events: what the parser tells does not depend on how the tokens were cut, calls begin and end in order,
    /// and what waits is bounded. The first bytes choose form, options and cuts.
    static let parser = FuzzTarget(name: "parser", longest: 600) { bytes in
        guard bytes.count > 3 else { return }
        let text = String(decoding: bytes[3...], as: UTF8.self), options = bytes[1]
        let tools = ToolFormat.allCases[Int(bytes[0]) % ToolFormat.allCases.count]
        let thoughts = ReasoningFormat.allCases[Int(options >> 4) % ReasoningFormat.allCases.count]
        let tokenizer = options & 1 == 0 ? plain : special
        var tokens: [TokenID] = []
        guard (try? tokenizer.encode(PromptText(raw: text), atMost: 10_000, into: &tokens)) != nil else { return }
        let format = AnswerFormat(tools: tools, reasoning: options & 2 == 0 ? thoughts : nil, vocabulary: tokenizer.vocabulary)
        let list = options & 4 == 0 ? ToolList.any : ToolList([ToolDefinition(name: "f", json: "{}")])
        let parser =
            options & 8 == 0
            ? AnswerParser(format, tools: list, startsInReasoning: options & 2 == 0 && bytes[2] & 1 == 1)
            : AnswerParser(format, forcing: "f")
        let whole = events(tokens, by: tokens.count, tokenizer.vocabulary, format, parser)
        demand(whole == events(tokens, by: 1, tokenizer.vocabulary, format, parser), "single tokens say something else")
        demand(
            whole == events(tokens, by: Int(bytes[2] / 2) % 16 + 1, tokenizer.vocabulary, format, parser), "pieces say something else")
        checkCalls(whole)
    }

    private static let plain = ByteTokenizer(specials: [])
    private static let special = ByteTokenizer(specials: [
        "<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "｜DSML｜", "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>",
        "<|end|>",
        "<|call|>", "<|return|>", "<think>", "</think>", "[THINK]", "[/THINK]", "<|tool_call_start|>", "<|tool_call_end|>", "<|other|>",
    ])

    private static func events(
        _ tokens: [TokenID], by step: Int, _ vocabulary: Vocabulary, _ format: AnswerFormat, _ start: AnswerParser
    ) -> AnswerEvents {
        var parser = start, events = AnswerEvents(), shown: [UInt8] = [], marks: [Range<Int>] = []
        var text = ChoiceText(vocabulary, SamplingParameters(), visible: format.visibleSpecials)
        for index in stride(from: 0, to: tokens.count, by: max(1, step)) {
            shown.removeAll()
            marks.removeAll()
            let piece = Array(tokens[index..<min(index + step, tokens.count)])
            _ = text.append(piece.span, to: &shown, marks: &marks)
            parser.append(shown.span, specials: marks, into: &events)
            demand(parser.heldBytes < 4 * tokens.count + 64, "more waits than came")
        }
        shown.removeAll()
        text.finish(into: &shown)
        parser.append(shown.span, into: &events)
        parser.finish(into: &events)
        demand(parser.heldBytes == 0, "something waits behind the end")
        return events
    }

    private static func checkCalls(_ events: AnswerEvents) {
        var next = 0, isOpen = false
        for event in events.list {
            switch event.kind {
            case .content, .reasoning: demand(!isOpen, "text inside a call")
            case .callBegan(let index, let name, _):
                demand(!isOpen && index == next && !name.isEmpty, "a call begins out of order")
                isOpen = true
            case .arguments(let index): demand(isOpen && index == next, "arguments of no call")
            case .callEnded(let index):
                demand(isOpen && index == next, "a call ends that did not begin")
                isOpen = false
                next += 1
            }
        }
        demand(!isOpen, "a call does not end")
    }
}
