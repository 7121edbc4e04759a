import ClusterModel
import JSONText
import Testing

@testable import LoadGeneration

@Suite("Prompts as bytes")
struct PromptBytesTests {
    private func item(_ tokens: UInt32, _ blocks: [UInt64] = [], salt: UInt64 = 1) -> LoadItem {
        LoadItem(PlannedRequest(due: .zero, promptTokens: tokens, outputTokens: 1, blocks: blocks), salt: salt)
    }

    private func value(_ item: LoadItem, _ form: PromptBytes.Form, blockTokens: UInt32 = 16) throws -> JSONValue {
        var bytes: [UInt8] = []
        PromptBytes(form, blockTokens: blockTokens).append(item, to: &bytes)
        return try JSONValue(parsing: bytes)
    }

    private func text(_ item: LoadItem, _ perToken: Double = 1) throws -> String {
        try #require(try value(item, .text(charactersPerToken: perToken)).asString)
    }

    @Test("with a character a token a text has as many as planned, of plain words", arguments: [1, 7, 8, 9, 16, 17, 1_000, 8_191])
    func lengths(tokens: UInt32) throws {
        let whole = try text(item(tokens))
        #expect(whole.utf8.count == Int(tokens))
        #expect(whole.utf8.allSatisfy { $0 == 0x20 || (0x61...0x7A).contains($0) })
        let blocks = (0..<(tokens + 15) / 16).map { UInt64($0) * 77 }
        #expect(try text(item(tokens, blocks)).utf8.count == Int(tokens))
    }

    @Test("characters a token stretch a text, block by block, so that equal ids stay equal text")
    func stretched() throws {
        let one = try text(item(40, [5, 6, 7]), 4.3), other = try text(item(48, [5, 6, 9]), 4.3)
        #expect(one.utf8.count == 69 + 69 + 34)
        #expect(one.utf8.prefix(138).elementsEqual(other.utf8.prefix(138)))
        #expect(!one.utf8.dropFirst(138).elementsEqual(other.utf8.dropFirst(138).prefix(34)))
    }

    @Test("a block that is not full is the begin of the full one: a prompt that grows begins with what it was")
    func growing() throws {
        for form in [PromptBytes.Form.text(charactersPerToken: 1), .tokens(vocabulary: 32_000)] {
            let short = try value(item(25, [3, 4], salt: 1), form), long = try value(item(60, [3, 4, 5, 6], salt: 2), form)
            if let short = short.asString, let long = long.asString { #expect(long.hasPrefix(short)) }
            if let short = short.asArray, let long = long.asArray { #expect(Array(long.prefix(25)) == short) }
        }
    }

    @Test("other ids are other text, and a prompt without ids is like no other")
    func different() throws {
        let texts = try Set((0..<2_000).map { try text(item(16, [UInt64($0)])) }).union(
            (0..<2_000).map { try text(item(16, salt: UInt64($0))) })
        // 16 letters are three words, and a collision of two in a thousand is no surprise; 64 are all different.
        #expect(texts.count > 3_950)
        #expect(try Set((0..<2_000).map { try text(item(64, salt: UInt64($0))) }).count == 2_000)
        #expect(try text(item(64, salt: 1)) == text(item(64, salt: 1)))
    }

    @Test("what a prompt has beyond its ids is its own")
    func beyond() throws {
        let one = try text(item(40, [8], salt: 1)), other = try text(item(40, [8], salt: 2))
        #expect(one.utf8.prefix(16).elementsEqual(other.utf8.prefix(16)) && one != other)
    }

    @Test("token ids are as many as planned, within the vocabulary and above its control tokens", arguments: [16, 256, 32_000])
    func tokens(vocabulary: Int) throws {
        let ids = try #require(try value(item(500), .tokens(vocabulary: vocabulary)).asArray).compactMap(\.asInt)
        #expect(ids.count == 500)
        #expect(ids.allSatisfy { (min(1_000, vocabulary / 8)..<vocabulary).contains($0) })
        #expect(Set(ids).count > min(10, vocabulary / 2))
    }
}
