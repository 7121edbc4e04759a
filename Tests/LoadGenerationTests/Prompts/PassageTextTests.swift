import ClusterModel
import JSONText
import Testing

@testable import LoadGeneration

@Suite("Prompts cut from a text")
struct PassageTextTests {
    /// Three thousand words, all different, with whatever files hold besides.
    private static let source = Array(
        (0..<3_000).map { "w\($0)x" + ["  ", " \"q\" ", "\n\n", "\t\\n\u{e9}"][$0 % 4] }.joined().utf8)
    private static let passages = try? PassageText(source)
    private static let words = Set((0..<3_000).map { "w\($0)x" })

    private func item(_ tokens: UInt32, _ blocks: [UInt64] = [], salt: UInt64 = 1) -> LoadItem {
        LoadItem(PlannedRequest(due: .zero, promptTokens: tokens, outputTokens: 1, blocks: blocks), salt: salt)
    }

    /// As a JSON reader sees it.
    private func text(_ item: LoadItem, _ perToken: Double = 1) throws -> String {
        var bytes: [UInt8] = []
        let form = PromptBytes.Form.passages(try #require(Self.passages), charactersPerToken: perToken)
        PromptBytes(form, blockTokens: 64).append(item, to: &bytes)
        let text = try #require(try JSONValue(parsing: bytes).asString)
        #expect(text.utf8.count == bytes.count - 2, "nothing is escaped, so that bytes are characters")
        return text
    }

    @Test("with a character a token a text has as many as planned", arguments: [1, 95, 96, 97, 255, 256, 257, 8_191])
    func lengths(tokens: UInt32) throws {
        #expect(try text(item(tokens)).utf8.count == Int(tokens))
        #expect(try text(item(tokens, (0..<(tokens + 63) / 64).map(UInt64.init))).utf8.count == Int(tokens))
    }

    @Test("it is made of the words of the text, without its line ends, quotes, escapes and letters beyond ASCII")
    func words() throws {
        let text = try text(item(20_000))
        #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C } && !text.contains("  "))
        // The last word is cut.
        let words = text.split(separator: " ").dropLast(), own = words.filter { $0.hasPrefix("w") }
        #expect(own.allSatisfy { Self.words.contains(String($0)) })
        #expect(words.allSatisfy { $0.hasPrefix("w") || $0 == "'q'" || $0 == "/n" })
        #expect(Set(own).count > 1_000, "from all over the text")
    }

    @Test("equal ids are equal text, other ids other text, however short they are")
    func ids() throws {
        let one = try text(item(192, [5, 6, 7])), other = try text(item(192, [5, 6, 9]))
        #expect(one.utf8.prefix(128).elementsEqual(other.utf8.prefix(128)) && one != other)
        #expect(try text(item(64, [5])) == text(item(64, [5], salt: 9)))
        #expect(try Set((0..<2_000).map { try text(item(256, salt: UInt64($0))) }).count == 2_000)
    }

    @Test("a block that is not full is the begin of the full one")
    func growing() throws {
        #expect(try text(item(200, [3, 4, 5, 6], salt: 2), 4.3).hasPrefix(text(item(100, [3, 4], salt: 1), 4.3)))
    }

    @Test("characters a token stretch a text, and nothing else of it")
    func stretched() throws {
        let form = PromptBytes.Form.passages(try PassageText(Self.source), charactersPerToken: 1)
        #expect(form.stretched(4) == .passages(try PassageText(Self.source), charactersPerToken: 4))
        #expect(PromptBytes.Form.text(charactersPerToken: 1).stretched(2) == .text(charactersPerToken: 2))
        #expect(PromptBytes.Form.tokens(vocabulary: 9).stretched(2) == .tokens(vocabulary: 9))
        #expect(try text(item(64, [1]), 4.5).utf8.count == 288)
    }

    @Test("a text with too few words is refused", arguments: ["", "one two three", String(repeating: "\u{4e00} ", count: 9_000)])
    func short(text: String) {
        #expect(throws: PassageText.Refusal.self) { try PassageText(Array(text.utf8)) }
    }

    @Test("one endless word does not make excerpts endless")
    func endless() throws {
        let words = (0..<1_500).map { "v\($0)" }.joined(separator: " ")
        let text = try PassageText(Array((words + " " + String(repeating: "z", count: 5_000) + " " + words).utf8))
        var bytes: [UInt8] = []
        for id in 0..<500 { text.append(1_000, of: UInt64(id), to: &bytes) }
        #expect(bytes.count == 500_000)
    }
}
