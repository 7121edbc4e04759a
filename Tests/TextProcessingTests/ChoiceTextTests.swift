import ClusterModel
import Testing
import TextProcessing

@Suite("Text of a choice") struct ChoiceTextTests {
    private let vocabulary = ByteTokenizer(specials: ["<|endoftext|>"]).vocabulary
    private static let end: TokenID = 256

    private func sampling(_ change: (inout SamplingParameters) -> Void) -> SamplingParameters {
        var sampling = SamplingParameters()
        change(&sampling)
        return sampling
    }

    private func tokens(_ text: String) -> [TokenID] { Array(text.utf8).map(TokenID.init) }

    @Test("a stop text is charged with the tokens up to it, and ends the choice")
    func stopInsideBatch() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["no", "##"] })
        var shown: [UInt8] = []
        #expect(choice.take(tokens("one#"), to: &shown) == ChoiceProgress(tokens: 4, finish: nil, stop: nil))
        #expect(shown == Array("one".utf8))
        #expect(choice.take(tokens("# two"), finish: .length, to: &shown) == ChoiceProgress(tokens: 1, finish: .stopText, stop: 1))
        #expect(choice.take(tokens("late"), to: &shown) == ChoiceProgress(tokens: 0, finish: nil, stop: nil))
        choice.finish(into: &shown)
        #expect(shown == Array("one".utf8))
    }

    @Test("what was held back is shown when the engine ends the choice")
    func heldBack() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["###"] })
        var shown: [UInt8] = []
        _ = choice.take(tokens("a##"), to: &shown)
        #expect(shown == Array("a".utf8))
        #expect(choice.take([], finish: .length, to: &shown) == ChoiceProgress(tokens: 0, finish: .length, stop: nil))
        #expect(shown == Array("a##".utf8))
    }

    @Test(
        "the token that ended the choice is counted and shown only if stops are included",
        arguments: [(FinishKind.stopToken, false, "ab"), (.stopToken, true, "abc"), (.length, false, "abc"), (.endOfText, false, "ab")])
    func lastToken(finish: FinishKind, includesStop: Bool, expected: String) {
        var choice = ChoiceText(vocabulary, sampling { $0.includesStop = includesStop })
        var shown: [UInt8] = []
        #expect(choice.take(tokens("abc"), finish: finish, to: &shown) == ChoiceProgress(tokens: 3, finish: finish, stop: nil))
        #expect(shown == Array(expected.utf8))
    }

    @Test("no stop is seen in the tokens that must come first")
    func minTokens() {
        var choice = ChoiceText(
            vocabulary,
            sampling {
                $0.stopTexts = ["b"]
                $0.minTokens = 3
            })
        var shown: [UInt8] = []
        #expect(choice.take(tokens("abbab!"), to: &shown) == ChoiceProgress(tokens: 5, finish: .stopText, stop: 0))
        #expect(shown == Array("abba".utf8))
    }

    @Test("an unfinished code point at the end becomes one replacement, and an end token is no part of it")
    func unfinished() {
        var choice = ChoiceText(vocabulary, SamplingParameters())
        var shown: [UInt8] = []
        _ = choice.take([0x61, 0xE2, 0x82], to: &shown)
        #expect(shown == [0x61])
        _ = choice.take([Self.end], finish: .endOfText, to: &shown)
        #expect(shown == Array("a\u{FFFD}".utf8))
    }

    @Test("a replacement at the end may complete a stop")
    func stopAtEnd() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["a\u{FFFD}"] })
        var shown: [UInt8] = []
        #expect(choice.take([0x62, 0x61, 0xE2], to: &shown) == ChoiceProgress(tokens: 3))
        #expect(choice.take([Self.end], finish: .endOfText, to: &shown) == ChoiceProgress(tokens: 1, finish: .stopText, stop: 0))
        #expect(shown == Array("b".utf8))
    }

    @Test("a choice that is cut off shows what waited, once")
    func cutOff() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["xyz"] })
        var shown: [UInt8] = []
        _ = choice.take(tokens("wxy"), to: &shown)
        choice.finish(into: &shown)
        choice.finish(into: &shown)
        #expect(shown == Array("wxy".utf8))
    }

    @Test("batches of any size give the same text, whole code points at every moment", arguments: 0..<200 as Range<UInt64>)
    func batches(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bytes = Bool.random(using: &random) ? random.bytes(60) : Array(random.text(scalars: 30).utf8)
        let stops = [random.text(scalars: 1), "A", "\u{FFFD}\u{FFFD}\u{FFFD}"]
        let whole = NaiveStops(stops: stops.map { Array($0.utf8) }, includesStop: false).shown(of: Array(NaiveUTF8.decode(bytes).utf8))
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = stops })
        var shown: [UInt8] = [], finish: FinishKind?, stop: Int?
        for piece in random.pieces(bytes.map(TokenID.init), most: 6) where finish == nil {
            let progress = choice.take(piece, to: &shown)
            (finish, stop) = (progress.finish, progress.stop)
            #expect(String(validating: shown, as: UTF8.self) != nil)
        }
        if finish == nil {
            choice.finish(into: &shown)
        }
        // A stop of replacements may be completed by the end itself; then the text is cut all the same.
        if whole.stop != nil {
            #expect(shown == whole.shown)
        } else {
            #expect(stop == nil && shown == Array(NaiveUTF8.decode(bytes).utf8))
        }
    }

    @Test("a hidden stop token ends the text unseen, from the least number of tokens on", arguments: [false, true])
    func hiddenToken(includesStop: Bool) {
        let hidden = HiddenStops(tokens: [Self.end, 0x7A])
        func choice(_ change: (inout SamplingParameters) -> Void = { _ in }) -> ChoiceText {
            ChoiceText(
                vocabulary,
                sampling {
                    $0.includesStop = includesStop
                    change(&$0)
                }, hidden: hidden)
        }
        var plain = choice(), shown: [UInt8] = []
        #expect(plain.take(tokens("ab"), to: &shown) == ChoiceProgress(tokens: 2))
        #expect(plain.take(tokens("czd"), finish: .length, to: &shown) == ChoiceProgress(tokens: 2, finish: .endOfText))
        #expect(plain.take(tokens("late"), to: &shown) == ChoiceProgress(tokens: 0))
        #expect(shown == Array("abc".utf8))
        var least = choice { $0.minTokens = 3 }, text: [UInt8] = []
        #expect(least.take(tokens("zaz") + [Self.end], to: &text) == ChoiceProgress(tokens: 4, finish: .endOfText))
        #expect(text == Array("zaz".utf8))
        var ignoring = choice { $0.ignoresEndOfText = true }, all: [UInt8] = []
        #expect(ignoring.take(tokens("az") + [Self.end], finish: .length, to: &all) == ChoiceProgress(tokens: 3, finish: .length))
        #expect(all == Array("az".utf8))
    }

    @Test("a stop text before a hidden stop token comes first, and what it held back is shown at the end")
    func hiddenTokenBehindStop() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["cd", "e!"] }, hidden: HiddenStops(tokens: [Self.end]))
        var shown: [UInt8] = []
        var first = choice
        #expect(first.take(tokens("abcd") + [Self.end], to: &shown) == ChoiceProgress(tokens: 4, finish: .stopText, stop: 0))
        shown.removeAll()
        #expect(choice.take(tokens("abe") + [Self.end], to: &shown) == ChoiceProgress(tokens: 4, finish: .endOfText))
        #expect(shown == Array("abe".utf8))
    }

    @Test("a hidden stop text ends the text unseen and is none of the client's stops", arguments: [false, true])
    func hiddenText(includesStop: Bool) {
        var choice = ChoiceText(
            vocabulary,
            sampling {
                $0.includesStop = includesStop
                $0.stopTexts = ["b"]
            }, hidden: HiddenStops(texts: ["User:"]))
        var shown: [UInt8] = []
        var other = choice
        #expect(choice.take(tokens("a\nUser: b"), to: &shown) == ChoiceProgress(tokens: 7, finish: .endOfText))
        #expect(shown == Array("a\n".utf8))
        shown.removeAll()
        #expect(other.take(tokens("aUserb"), to: &shown) == ChoiceProgress(tokens: 6, finish: .stopText, stop: 0))
        #expect(shown == Array((includesStop ? "aUserb" : "aUser").utf8))
    }

    @Test("a visible special token shows, is marked, and ends what stands before it", arguments: [[], ["never"]])
    func visible(stops: [String]) {
        let vocabulary = ByteTokenizer(specials: ["<|hidden|>", "<|mark|>"]).vocabulary
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = stops }, visible: VisibleSpecials([257]))
        var shown: [UInt8] = Array("0".utf8), marks: [Range<Int>] = []
        let tokens: [TokenID] = [0x61, 256, 0xE2, 257, 0x6E, 257, 257, 0x62]
        #expect(choice.append(tokens.span, finish: .length, to: &shown, marks: &marks) == ChoiceProgress(tokens: 8, finish: .length))
        #expect(String(decoding: shown, as: UTF8.self) == "0a\u{FFFD}<|mark|>n<|mark|><|mark|>b")
        #expect(marks.map { String(decoding: shown[$0], as: UTF8.self) } == ["<|mark|>", "<|mark|>", "<|mark|>"])
        // Without marks being asked for, the text is the same.
        var plain = ChoiceText(vocabulary, sampling { $0.stopTexts = stops }, visible: VisibleSpecials([257])), text: [UInt8] = [0x30]
        _ = plain.append(tokens.span, finish: .length, to: &text)
        #expect(text == shown)
    }

    @Test("no stop reaches across a visible special token, and none is in it")
    func stopAcrossVisible() {
        let vocabulary = ByteTokenizer(specials: ["<|mark|>"]).vocabulary
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["ab", "mark", "xx"] }, visible: VisibleSpecials([256]))
        var shown: [UInt8] = [], marks: [Range<Int>] = []
        let tokens: [TokenID] = [0x61, 256, 0x62]
        #expect(choice.append(tokens.span, to: &shown, marks: &marks) == ChoiceProgress(tokens: 3))
        #expect(shown == Array("a<|mark|>b".utf8) && marks == [1..<9])
        let doubled: [TokenID] = [0x78, 256, 0x78]
        #expect(choice.append(doubled.span, to: &shown, marks: &marks) == ChoiceProgress(tokens: 3))
        #expect(shown == Array("a<|mark|>bx<|mark|>".utf8), "the second x waits")
        let next: [TokenID] = [0x61, 0x62]
        #expect(choice.append(next.span, to: &shown, marks: &marks) == ChoiceProgress(tokens: 2, finish: .stopText, stop: 0))
        #expect(shown == Array("a<|mark|>bx<|mark|>x".utf8))
    }

    @Test("a replacement in front of a visible special token may complete a stop")
    func stopBeforeVisible() {
        let vocabulary = ByteTokenizer(specials: ["<|mark|>"]).vocabulary
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["a\u{FFFD}"] }, visible: VisibleSpecials([256]))
        var shown: [UInt8] = [], marks: [Range<Int>] = []
        let tokens: [TokenID] = [0x62, 0x61, 0xE2, 256, 0x63]
        #expect(choice.append(tokens.span, to: &shown, marks: &marks) == ChoiceProgress(tokens: 4, finish: .stopText, stop: 0))
        #expect(shown == Array("b".utf8) && marks.isEmpty)
    }

    @Test("at steady state the buffers do not grow")
    func steady() {
        var choice = ChoiceText(vocabulary, sampling { $0.stopTexts = ["never comes"] })
        var shown: [UInt8] = []
        shown.reserveCapacity(64)
        let capacity = shown.capacity
        for step in 0..<10_000 {
            shown.removeAll(keepingCapacity: true)
            _ = choice.take([TokenID(step % 256), 0x6E], to: &shown)
        }
        #expect(shown.capacity == capacity)
    }
}

extension ChoiceText {
    /// The tokens of an array that is nobody's: a span of one does not live through a macro.
    fileprivate mutating func take(_ tokens: [TokenID], finish: FinishKind? = nil, to shown: inout [UInt8]) -> ChoiceProgress {
        append(tokens.span, finish: finish, to: &shown)
    }
}
