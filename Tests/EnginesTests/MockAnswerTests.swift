import ClusterModel
import Engines
import Testing

@Suite("What a mock engine says as it was told")
struct MockAnswerTests {
    private static func bytes(_ text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }

    private static func answer(_ says: String, thinks: String? = nil, when: String...) -> MockAnswer {
        var answer = MockAnswer()
        answer.words = bytes(says)
        answer.when = when.map(bytes)
        if let thinks {
            answer.opening = bytes("<t>")
            answer.thought = bytes(thinks)
            answer.closing = bytes("</t>")
        }
        return answer
    }

    private func run(_ answers: MockAnswer..., change: (inout MockConfiguration) -> Void = { _ in }) -> EngineRun {
        EngineRun(
            .test {
                $0.answers = MockAnswers(answers)
                $0.thoughts = MockThoughts(openings: [Self.bytes("<t>"), Self.bytes("<t>\n")], closing: Self.bytes("</t>"))
                change(&$0)
            })
    }

    private func says(
        _ run: EngineRun, to prompt: String, seed: UInt64 = 7, maxTokens: UInt32? = nil, _ change: (inout EngineRequest) -> Void = { _ in }
    ) throws -> String {
        let key = run.admit(UInt64(run.ended.count + 1), choices: [EngineChoice(choice: 0, maxTokens: maxTokens)], seed: seed) {
            $0.prompt = Self.bytes(prompt)
            change(&$0)
        }
        try run.finish()
        #expect(run.faults == [])
        return run.text(key)
    }

    @Test("a text is said as it stands, and ends with the token that ends texts, however many are allowed")
    func verbatim() throws {
        let run = run(Self.answer("Tokyo 🗼"))
        for most in [nil, 100, 11] as [UInt32?] {
            #expect(try says(run, to: "x", maxTokens: most) == "Tokyo 🗼\0")
            let key = EngineRequestKey(UInt64(run.ended.count))
            #expect(run.tokens[key]?[0]?.last == 256 && run.finishes[key]?[0] == .endOfText)
        }
        #expect(try says(run, to: "x", maxTokens: 5) == "Tokyo")
        #expect(run.finishes[EngineRequestKey(4)]?[0] == .length)
        #expect(try says(run, to: "x") { $0.sampling.stopTokens = [TokenID(UInt8(ascii: "k"))] } == "Tok")
        #expect(run.finishes[EngineRequestKey(5)]?[0] == .stopToken)
    }

    @Test("where its end is not to end it, or comes too early, it goes on with sentences")
    func beyond() throws {
        let run = run(Self.answer("Tokyo")), plain = EngineRun()
        let long = try says(run, to: "x", maxTokens: 80) { $0.sampling.ignoreEndOfText = true }
        let other = plain.admit(1, choices: [EngineChoice(choice: 0, maxTokens: 80)]) { $0.prompt = Self.bytes("x") }
        try plain.finish()
        #expect(long == "Tokyo" + plain.text(other).dropFirst(5))
        let least = try says(run, to: "x") { $0.choices[0].minTokens = 20 }
        #expect(least.dropLast() == long.prefix(19) && least.utf8.count == 20)
        #expect(run.finishes[EngineRequestKey(2)]?[0] == .endOfText)
    }

    @Test("of several the draw takes one: always the same for a prompt and a seed, another for another choice")
    func draw() throws {
        let run = run(Self.answer("a"), Self.answer("b"), Self.answer("c"))
        let said = try (0..<30).map { try says(run, to: "x", seed: UInt64($0)) }
        #expect(Set(said) == ["a\0", "b\0", "c\0"])
        #expect(try (0..<30).map { try says(run, to: "x", seed: UInt64($0)) } == said)
        #expect(try (0..<30).map { try says(run, to: "y", seed: UInt64($0)) } != said)
        let key = run.admit(1_000, choices: (0..<8).map { EngineChoice(choice: $0, maxTokens: nil) }, seed: 0) {
            $0.prompt = Self.bytes("x")
        }
        try run.finish()
        #expect((0..<8).map { run.text(key, choice: $0) } == Array(said.prefix(8)))
    }

    @Test("a sign in the prompt chooses the answer: the last one there, the longest of those that end alike")
    func signs() throws {
        let run = run(
            Self.answer("plain"), Self.answer("w", when: "weather", "rain"), Self.answer("r", when: "tool result"),
            Self.answer("long", when: "the weather"))
        #expect(try says(run, to: "hello") == "plain\0")
        #expect(try says(run, to: "a weather b") == "w\0")
        #expect(try says(run, to: "rain") == "w\0")
        #expect(try says(run, to: "weather? tool result: sun") == "r\0")
        #expect(try says(run, to: "tool result: sun. weather!") == "w\0")
        #expect(try says(run, to: "how is the weather") == "long\0")
        #expect(try says(run, to: "weathe") == "plain\0")
    }

    @Test("where no answer fits the prompt there are sentences, and an empty answer ends at once")
    func none() throws {
        let run = run(Self.answer("w", when: "weather"), Self.answer("", when: "nothing"))
        let plain = EngineRun()
        let other = plain.admit(1, choices: [EngineChoice(choice: 0, maxTokens: 50)]) { $0.prompt = Self.bytes("x") }
        try plain.finish()
        #expect(try says(run, to: "x", maxTokens: 50) == plain.text(other))
        #expect(try says(run, to: "nothing") == "\0")
    }

    @Test("a sign far back in a long prompt is not looked for, and a prompt that is full of half signs costs no more")
    func longPrompts() throws {
        let run = run(
            Self.answer("plain"), Self.answer("w", when: "weather"),
            Self.answer("h", when: String(repeating: "a", count: 4_000) + "b" + String(repeating: "a", count: 4_000))
        ) {
            $0.contextLength = 200_000
            $0.room.totalBlocks = 20_000
            $0.room.maxBatchedTokens = 200_000
        }
        #expect(try says(run, to: "weather" + String(repeating: ".", count: 60_000)) == "w\0")
        #expect(try says(run, to: "weather" + String(repeating: ".", count: 70_000)) == "plain\0")
        #expect(try says(run, to: String(repeating: "a", count: 100_000)) == "plain\0")
    }

    @Test("a thought is cut where it may be no longer, and closed; one that the prompt has begun is not begun again")
    func thoughts() throws {
        let run = run(Self.answer("yes", thinks: "hm, well", when: "think"), Self.answer("no"))
        #expect(try says(run, to: "think") == "<t>hm, well</t>yes\0")
        #expect(try says(run, to: "think") { $0.sampling.maxThinkingTokens = 3 } == "<t>hm,</t>yes\0")
        #expect(try says(run, to: "think") { $0.sampling.maxThinkingTokens = 0 } == "<t></t>yes\0")
        #expect(try says(run, to: "think") { $0.sampling.maxThinkingTokens = 99 } == "<t>hm, well</t>yes\0")
        #expect(try says(run, to: "think<t>\n") == "hm, well</t>yes\0")
        #expect(try says(run, to: "think<t>") { $0.sampling.maxThinkingTokens = 2 } == "hm</t>yes\0")
        // Nobody is to take an answer for a thought.
        #expect(try says(run, to: "x<t>") == "</t>no\0")
        #expect(try says(run, to: "x<t>") { $0.constraint = .choice(Array(#"["a"]"#.utf8)) } == "</t>a\0")
    }

    @Test("a form that the request gives comes before what the operator wrote")
    func constraint() throws {
        let run = run(Self.answer("no"))
        #expect(try says(run, to: "x") { $0.constraint = .choice(Array(#"["a"]"#.utf8)) } == "a\0")
    }

    @Test("an answer may end with a token of its own")
    func ownEnd() throws {
        var answer = Self.answer("call")
        answer.end = 258
        let run = run(answer)
        _ = try says(run, to: "x", maxTokens: 20)
        #expect(run.tokens[EngineRequestKey(1)]?[0]?.suffix(2) == [TokenID(UInt8(ascii: "l")), 258])
        #expect(run.finishes[EngineRequestKey(1)]?[0] == .endOfText)
    }

    @Test("whatever a token is, no candidate of its log probabilities comes twice")
    func candidates() throws {
        let run = run(Self.answer("\n\t\0\u{7F} 🗼~"))
        run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: nil)]) { $0.sampling.topLogprobs = 32 }
        var count = 0
        while run.engine.hasWork {
            try run.step()
            for one in run.output.runs {
                let slice = run.output.logprobs[Int(one.firstLogprob)..<Int(one.firstLogprob + 1 + one.topCount)]
                #expect(Set(slice.dropFirst().map(\.token)).count == 32)
                count += 1
            }
        }
        #expect(count == 11)
    }
}
