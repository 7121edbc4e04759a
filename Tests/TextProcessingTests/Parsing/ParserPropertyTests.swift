import ClusterModel
import Testing

@testable import TextProcessing

@Suite("Whatever models write, parsers") struct ParserPropertyTests {
    /// Every form, alone and with thoughts.
    private static let forms: [(tools: ToolFormat, reasoning: ReasoningFormat?)] = ToolFormat.allCases.flatMap { tools in
        [(tools, nil), (tools, tools == .harmony ? .harmony : .think)]
    }

    /// Pieces of real answers, so that what is put together at random goes deep into the grammars.
    private static func fragments(_ form: (tools: ToolFormat, reasoning: ReasoningFormat?)) -> [String] {
        let markers = form.tools.grammar.markers + [form.reasoning?.opener, form.reasoning?.closer].compactMap(\.self)
        return markers + markers.map { String($0.dropLast()) } + [
            #"{"name": "f", "arguments": {"a": [1, "x"]}}"#, #"{"name": "g", "parameters": {}}"#, #"{"name": ""#, #"{"a": {"b": "\u00e9}"#,
            "}", "]", "[",
            "{", "\"", "f", "f(a=1, b='x')", "(", ")", "=", ",", ";", "\n", " ", "é😀", "word ", "functions.f:0", "to=functions.f",
            "function", "```json\n",
            "```", "\\", "12", "True", "analysis", "final", "commentary", "name=\"f\">", ">",
        ]
    }

    private static func text(_ form: (tools: ToolFormat, reasoning: ReasoningFormat?), _ random: inout SeededRandom) -> TaggedText {
        let fragments = fragments(form)
        var text = ""
        for _ in 0..<Int.random(in: 1...25, using: &random) {
            text += Int.random(in: 0..<8, using: &random) == 0 ? random.text(scalars: 2) : fragments.randomElement(using: &random)!
        }
        let specials = Bool.random(using: &random) ? form.tools.grammar.markers.filter { $0.utf8.count > 3 } : []
        // Some markers are spelled although they are tokens.
        return TaggedText(text, specials: specials.filter { _ in Int.random(in: 0..<4, using: &random) > 0 })
    }

    private static func specials(of text: TaggedText, _ form: (tools: ToolFormat, reasoning: ReasoningFormat?)) -> [String] {
        text.symbols.contains(where: \.isSpecial) ? form.tools.grammar.markers.filter { $0.utf8.count > 3 } : []
    }

    /// A few of them: the fuzz target of the parser looks at such texts for as long as it runs.
    @Test("tell the same however their text is cut, and lose nothing of it", arguments: 0..<30 as Range<UInt64>)
    func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for form in Self.forms {
            let text = Self.text(form, &random)
            let format = AnswerFormat(tools: form.tools, reasoning: form.reasoning, specials: Self.specials(of: text, form))
            let list = Bool.random(using: &random) ? ToolList.any : ToolList([ToolDefinition(name: "f", json: "{}")])
            let starts = Bool.random(using: &random)
            let under = ParserUnderTest(make: { AnswerParser(format, tools: list, startsInReasoning: starts) }, text: text)
            let whole = under.run(cuts: [])
            let bytes = under.run(cuts: Array(0...text.symbols.count))
            let cuts = (0..<3).map { _ in Int.random(in: 0...text.symbols.count, using: &random) }.sorted()
            let pieces = under.run(cuts: cuts)
            let shown = String(decoding: text.bytes, as: UTF8.self).debugDescription
            #expect(whole.isSound && bytes.isSound && pieces.isSound, "\(form) \(shown)")
            #expect(whole.answer == bytes.answer, "\(form) \(shown)")
            #expect(whole.answer == pieces.answer, "\(form) \(cuts) \(shown)")
            expectAccounted(whole.answer, text, form, shown)
        }
    }

    /// What is told stands in the text in that order; and where no call was found, nothing but markers, heads and white space is missing.
    private func expectAccounted(
        _ answer: ParsedAnswer, _ text: TaggedText, _ form: (tools: ToolFormat, reasoning: ReasoningFormat?), _ shown: String
    ) {
        var rest = text.bytes[...]
        for part in answer.parts {
            let said: String
            switch part {
            case .content(let text), .reasoning(let text): said = text
            case .call(let call):
                if case .tagged = form.tools.grammar { continue }
                if case .pythonic = form.tools.grammar { continue }
                said = call.arguments == "{}" ? "" : call.arguments
            }
            for byte in said.utf8 {
                guard let place = rest.firstIndex(of: byte) else {
                    Issue.record("\(form): \(said.debugDescription) is not in \(shown)\n\(answer)")
                    return
                }
                rest = rest[(place + 1)...]
            }
        }
        guard answer.calls.isEmpty, form.tools != .harmony, !text.symbols.contains(where: \.isSpecial) else { return }
        func letters(_ text: [UInt8]) -> Int { text.count { !Symbol($0).isSpace } }
        let came = letters(text.bytes), told = letters(Array((answer.content + answer.reasoning).utf8))
        // One thought may have used a pair of markers.
        let markers = [form.reasoning?.opener, form.reasoning?.closer].compactMap(\.self).reduce(0) { $0 + $1.utf8.count }
        #expect(told <= came && told >= came - markers, "\(form): \(shown) became\n\(answer)")
    }

    @Test("find the call in each form's sample, and say the same of damaged ones", arguments: ToolFormat.allCases)
    func damagedSamples(format: ToolFormat) throws {
        let sample = try #require(SampleAnswers.text[format])
        let specials = format.grammar.markers.filter { $0.utf8.count > 3 }
        for specials in [[], specials] {
            let form = AnswerFormat(tools: format, reasoning: nil, specials: specials)
            let whole = TaggedText(sample, specials: specials)
            #expect(ParserUnderTest(make: { AnswerParser(form, tools: .any) }, text: whole).parsed().calls.map(\.name) == ["f", "f"])
            var random = SeededRandom(seed: 11)
            for _ in 0..<25 {
                var damaged = whole
                for _ in 0..<Int.random(in: 1...3, using: &random) { damaged.damage(using: &random) }
                let under = ParserUnderTest(make: { AnswerParser(form, tools: .any) }, text: damaged)
                let once = under.run(cuts: []), bytes = under.run(cuts: Array(0...damaged.symbols.count))
                let shown = String(decoding: damaged.bytes, as: UTF8.self).debugDescription
                #expect(once.isSound && once == Outcome(bytes, held: once.mostHeld), "\(format) \(shown)")
                expectAccounted(once.answer, damaged, (format, nil), shown)
            }
        }
    }

    private typealias Outcome = ParserUnderTest.Outcome

    @Test("hold no more than a marker back while text is text", arguments: ToolFormat.allCases)
    func held(format: ToolFormat) {
        let text = "Words < [ and 😀 <tool <| [TOOL_ <｜ more\nwords <t </ > and so on."
        let longest = (format.grammar.markers + HarmonyParser.markers).map { $0.utf8.count }.max()!
        let form = AnswerFormat(tools: format, reasoning: .think, specials: [])
        var parser = AnswerParser(form, tools: .any), events = AnswerEvents(), most = 0
        let head = format == .harmony ? "<|channel|>final<|message|>" : ""
        for byte in (head + "W").utf8 { parser.append([byte], &events) }
        for byte in text.utf8 {
            parser.append([byte], &events)
            most = max(most, parser.heldBytes)
        }
        #expect(most < longest)
        parser.finish(into: &events)
        #expect(events.bytes.count == text.utf8.count + 1)
    }

    @Test("bound the calls, their names, their nesting, and what they hold")
    func bounds() {
        let call = #"<tool_call>{"name": "f", "arguments": {}}</tool_call>"#
        let many = parsed(String(repeating: call, count: TextLimits.calls + 2), .hermes)
        #expect(many.calls.count == TextLimits.calls)
        #expect(many.content == call + call)
        let name = String(repeating: "n", count: TextLimits.callNameBytes + 1)
        for (format, text) in [
            (ToolFormat.hermes, #"<tool_call>{"name": "\#(name)", "arguments": {}}</tool_call>"#),
            (.mistral, "[TOOL_CALLS]\(name)[ARGS]{}"),
            (.qwen, "<tool_call><function=\(name)></function></tool_call>"), (.pythonic, "[\(name)(a=1)]"),
        ] {
            #expect(parsed(text, format).parts == [.content(text)])
        }
        let deep = String(repeating: "[", count: TextLimits.callDepth)
        #expect(parsed("[TOOL_CALLS]f[ARGS]{\"a\":\(deep)", .mistral).parts.last == .content("["))
        #expect(parsed("[f(a=\(deep)[", .pythonic).parts.last == .content("["))
        // Arguments in front of the name wait, and what waits is bounded.
        let long = #"<tool_call>{"arguments": {"a": ""# + String(repeating: "x", count: TextLimits.heldCallBytes)
        var parser = AnswerParser(.spelled(.hermes), tools: .any), events = AnswerEvents(), most = 0
        for byte in long.utf8 {
            parser.append([byte], &events)
            most = max(most, parser.heldBytes)
        }
        #expect(most <= TextLimits.heldCallBytes)
        #expect(String(decoding: events.bytes, as: UTF8.self) == long)
        #expect(
            parsed("<function=f><parameter=a>" + long, .qwen, list: Self.typed).calls.first?.arguments.hasPrefix(#"{"a":"<tool_call"#)
                == true)
    }

    private static let typed = ToolList([ToolDefinition(name: "f", json: #"{"parameters":{"properties":{"a":{"type":"object"}}}}"#)])

    private func parsed(_ text: String, _ format: ToolFormat, list: ToolList = .any) -> ParsedAnswer {
        ParserUnderTest(make: { AnswerParser(.spelled(format), tools: list) }, text: TaggedText(text)).run(cuts: []).answer
    }

    @Test("make ids that the models' templates accept, the same for the same seed")
    func ids() {
        var random = SeededRandom(seed: 7), again = SeededRandom(seed: 7)
        let id = CallIdentifier.make(for: .hermes, using: &random)
        #expect(id == CallIdentifier.make(for: .hermes, using: &again))
        #expect(id != CallIdentifier.make(for: .hermes, using: &random))
        #expect(id.hasPrefix("call_") && id.utf8.count == 29)
        let short = CallIdentifier.make(for: .mistral, using: &random)
        #expect(short.utf8.count == 9 && short.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
    }

    @Test("let single bytes of special tokens be told apart from parts of other markers")
    func visibleSpecials() {
        let vocabulary = ByteTokenizer(specials: ["<s>", "<|call|>", "[TOOL_CALLS]", "｜DSML｜", "<|message|>"]).vocabulary
        func visible(_ tools: ToolFormat?, _ reasoning: ReasoningFormat? = nil) -> [Bool] {
            let visible = AnswerFormat(tools: tools, reasoning: reasoning, vocabulary: vocabulary).visibleSpecials
            return (256..<261).map { visible.contains($0) }
        }
        #expect(visible(.hermes) == [false, false, false, false, false])
        #expect(visible(.mistral) == [false, false, true, false, false])
        #expect(visible(.deepseekTags) == [false, false, false, true, false])
        #expect(visible(nil, .harmony) == [false, true, false, false, true])
    }
}

extension ParserUnderTest.Outcome {
    /// The same, whatever was held on the way.
    fileprivate init(_ other: Self, held: Int) {
        self = other
        mostHeld = held
    }
}

extension TaggedText {
    /// Takes a part away, or puts a copy of one somewhere else; whole code points, as a detokenizer shows them.
    fileprivate mutating func damage(using random: inout SeededRandom) {
        guard !symbols.isEmpty else { return }
        let start = boundary(Int.random(in: 0..<symbols.count, using: &random))
        let end = boundary(start + Int.random(in: 1...12, using: &random))
        let part = Array(symbols[start..<end])
        if Bool.random(using: &random) {
            symbols.removeSubrange(start..<end)
        } else {
            symbols.insert(contentsOf: part, at: boundary(Int.random(in: 0...symbols.count, using: &random)))
        }
    }

    private func boundary(_ index: Int) -> Int {
        var index = min(index, symbols.count)
        while index < symbols.count, symbols[index].byte & 0xC0 == 0x80 { index += 1 }
        return index
    }
}

extension AnswerParser {
    fileprivate mutating func append(_ bytes: [UInt8], _ events: inout AnswerEvents) { append(bytes.span, into: &events) }
}
