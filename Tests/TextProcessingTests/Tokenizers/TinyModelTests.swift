import ClusterModel
import Glibc
import Testing

@testable import TextProcessing

/// The tokenizer that this project ships for its own small model.
@Suite("The tiny model's tokenizer") struct TinyModelTests {
    private static func file() throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let file = try #require(fopen(root + "/deploy/models/tiny/tokenizer.json", "rb"))
        defer { fclose(file) }
        var contents = [UInt8](repeating: 0, count: 1 << 20)
        contents.removeLast(contents.count - fread(&contents, 1, contents.count, file))
        return contents
    }

    @Test("its ids are those of Hugging Face's tokenizers") func ids() throws {
        let tokenizer = try BPETokenizer(parsing: Self.file())
        #expect(tokenizer.vocabularySize == 1167)
        #expect(tokenizer.vocabulary.specials.map(\.token) == [1160, 1161, 1162])
        for (text, ids) in Self.known { #expect(try tokenizer.ids(PromptText(raw: text)) == ids) }
    }

    @Test("every single byte lost leaves an error or a tokenizer") func truncated() throws {
        let file = try Self.file()
        for count in stride(from: 0, to: file.count, by: 257) {
            #expect(throws: TextError.self) { try BPETokenizer(parsing: Array(file[..<count])) }
        }
    }

    private static let known: [(String, [TokenID])] = [
        ("Hello, world! It's 2024.", [640, 11, 373, 75, 67, 0, 358, 83, 6, 82, 220, 17, 15, 17, 19, 13]),
        ("<|im_start|>user\nhi<|im_end|>\n", [1161, 284, 198, 1002, 1162, 198]),
        ("<think>a</think> <tool_call>", [1165, 64, 1166, 220, 1163]),
        ("e\u{301}t\u{E9}  \n\n x", [127, 102, 83, 127, 102, 220, 220, 256, 220, 87]),
        ("\u{65E5}\u{672C} \u{1F44D}", [162, 245, 98, 162, 250, 105, 220, 172, 253, 239, 235]),
    ]
}
