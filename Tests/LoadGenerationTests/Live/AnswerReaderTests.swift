import JSONText
import Testing

@testable import LoadGeneration

@Suite("Reading answers as they arrive")
struct AnswerReaderTests {
    private func read(_ text: String, streams: Bool = true, status: Int = 200, pieces sizes: (Int) -> Int = { _ in .max }) -> AnswerReader {
        var reader = AnswerReader(), bytes = Array(text.utf8)[...]
        reader.begin(status: status, isStream: streams)
        while !bytes.isEmpty {
            let part = Array(bytes.prefix(sizes(bytes.count)))
            bytes = bytes.dropFirst(part.count)
            _ = part.withUnsafeBytes { reader.read($0) }
        }
        reader.end()
        return reader
    }

    private static let stream = """
        : keepalive

        data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

        event: message
        data: {"id":"1","choices":[{"index":0,"delta":{"content":"one \\"content\\":\\"x\\""},"finish_reason":null}]}

        data: {"id":"1","choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}

        data: {"id":"1","choices":[{"index":0,"delta":{"content":"\\u00e4 { } }}"},"finish_reason":null}]}

        data:{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

        data: {"id":"1","choices":[],"usage":{"prompt_tokens":12,"total_tokens":15,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8}}}

        data: [DONE]


        """

    @Test("the same comes out wherever the bytes were cut, with either end of lines")
    func cuts() {
        for text in [Self.stream, Self.stream.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")] {
            let whole = read(text)
            #expect(whole.pieces == 3 && whole.failure == nil)
            #expect(whole.usage == AnswerReader.Usage(promptTokens: 12, outputTokens: 3, cachedTokens: 8))
            for size in [1, 2, 3, 5, 7, 64] {
                let cut = read(text) { _ in size }
                #expect(cut.pieces == 3 && cut.failure == nil && cut.usage == whole.usage, "in pieces of \(size)")
            }
            let count = text.utf8.count
            for first in stride(from: 1, to: count, by: 3) {
                #expect(read(text) { $0 == count ? first : .max }.pieces == 3, "cut at \(first)")
            }
        }
    }

    @Test("how many pieces came is told with each reading")
    func counts() {
        var reader = AnswerReader()
        reader.begin(status: 200, isStream: true)
        let event = Array("data: {\"choices\":[{\"text\":\"a\"}]}\n\n".utf8)
        #expect((event + event).withUnsafeBytes { reader.read($0) } == 2)
        #expect(event.prefix(20).withUnsafeBytes { reader.read($0) } == 0)
        #expect(event.dropFirst(20).withUnsafeBytes { reader.read($0) } == 1)
        #expect(reader.pieces == 3)
    }

    @Test(
        "text counts under every name that servers give it, with blanks or without; nothing, null and roles do not",
        arguments: [
            (#"{"choices":[{"delta":{"content":"a"}}]}"#, 1), (#"{"choices": [{"delta": {"content": "a"}}]}"#, 1),
            (#"{"choices":[{"text":"a"}]}"#, 1), (#"{"choices":[{"delta":{"content":null,"reasoning_content":"a"}}]}"#, 1),
            (#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#, 1),
            (#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}"#, 1),
            (#"{"choices":[{"delta":{"content":"","role":"assistant"}}]}"#, 0), (#"{"choices":[{"delta":{"content":null}}]}"#, 0),
            (#"{"choices":[{"delta":{}}],"content":7}"#, 0), (#"{"object":"content","choices":[]}"#, 0),
            (#"{"choices":[{"delta":{"refusal":"\"content\":\"a\""}}]}"#, 0),
        ])
    func names(chunk: String, pieces: UInt32) {
        #expect(read("data: \(chunk)\n\ndata: [DONE]\n\n").pieces == pieces)
        // And behind a chunk of the usual form, whose place of the content is remembered.
        let usual = #"{"choices":[{"delta":{"content":"a"}}]}"#
        #expect(read("data: \(usual)\n\ndata: \(chunk)\n\ndata: \(usual)\n\ndata: [DONE]\n\n").pieces == 2 + pieces)
    }

    @Test("counts are read where they stand beside text")
    func usageBesideText() {
        let usual = #"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#
        let last = #"{"choices":[{"delta":{"content":"b"}}],"usage":{"completion_tokens":9,"prompt_tokens":4}}"#
        let answer = read("data: \(usual)\n\ndata: \(usual)\n\ndata: \(last)\n\ndata: [DONE]\n\n")
        #expect(answer.pieces == 3 && answer.usage.outputTokens == 9 && answer.usage.promptTokens == 4)
    }

    @Test("counts that are none, or too large, are not taken")
    func badCounts() {
        let answer = read(
            #"{"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":99999999999,"cached_tokens":"7"}}"#, streams: false)
        #expect(answer.usage == AnswerReader.Usage() && answer.failure == nil)
    }

    @Test("an event without end does not fill memory, and an answer does not either")
    func bounds() {
        let long = String(repeating: "a", count: 1 << 20)
        var reader = AnswerReader()
        reader.begin(status: 200, isStream: true)
        for _ in 0..<20 { _ = Array("data: \(long)".utf8).withUnsafeBytes { reader.read($0) } }
        #expect(reader.failure == "event too long")
        reader.begin(status: 200, isStream: false)
        for _ in 0..<20 { _ = Array(long.utf8).withUnsafeBytes { reader.read($0) } }
        reader.end()
        #expect(reader.failure == "answer too long")
        reader.begin(status: 500, isStream: true)
        for _ in 0..<20 { _ = Array(long.utf8).withUnsafeBytes { reader.read($0) } }
        reader.end()
        #expect(reader.failure == "HTTP 500")
    }

    @Test("what follows an event that makes no sense is not counted, in whatever pieces it comes", arguments: [1, 5, 23, .max])
    func behindFailures(piece: Int) {
        let text = "data: [BEGIN]\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n"
        let reader = read(text) { min($0, piece) }
        #expect(reader.pieces == 0 && reader.failure == "malformed event")
    }

    @Test("any damage to a stream is read without a trap")
    func damage() {
        let bytes = Array(Self.stream.utf8)
        for place in 0..<bytes.count {
            for byte in [0x00, 0x0A, 0x22, 0x5C, 0x7B, 0x7D, 0xFF] as [UInt8] {
                var damaged = bytes
                damaged[place] = byte
                var reader = AnswerReader()
                reader.begin(status: 200, isStream: true)
                _ = damaged.withUnsafeBytes { reader.read($0) }
                _ = damaged.prefix(place).withUnsafeBytes { reader.read($0) }
                reader.end()
                #expect(reader.pieces <= 8)
            }
        }
    }
}
