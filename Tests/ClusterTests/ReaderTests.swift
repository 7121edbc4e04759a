import ClusterHarness
import Testing

@Suite("What judges answers")
struct ReaderTests {
    private func read(_ text: String, inPiecesOf size: Int, ends: Bool = true) -> ResponseReader {
        var reader = ResponseReader(), rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            reader.take(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        if ends { reader.end() }
        return reader
    }

    private static let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n5\r\nhello\r\nA\r\n, and more\r\n0\r\n\r\n"

    @Test("a response is the same however its bytes are cut", arguments: 1...40)
    func pieces(size: Int) {
        let reader = read(Self.chunked, inPiecesOf: size)
        #expect(reader.isComplete && reader.status == 200 && reader["x-a"] == "b ")
        #expect(String(decoding: reader.body, as: UTF8.self) == "hello, and more")
        let fixed = read(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc", inPiecesOf: size, ends: false)
        #expect(fixed.isComplete && fixed.status == 404 && fixed.body == Array("abc".utf8))
    }

    @Test("every truncation of a response is noticed", arguments: 0..<chunked.utf8.count)
    func truncation(length: Int) {
        #expect(read(String(decoding: Self.chunked.utf8.prefix(length), as: UTF8.self), inPiecesOf: 7).failure != nil)
    }

    @Test(
        "what a strict client refuses is refused",
        arguments: [
            "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
        ])
    func refusals(text: String) {
        #expect(read(text, inPiecesOf: 5).failure != nil)
    }

    @Test("events are read across pieces; comments are counted; anything else is told")
    func events() {
        var reader = EventReader()
        reader.take("data: a\n\n: keep".utf8)
        reader.take("alive\n\nevent: x\ndata: b\ndata: c\n\n".utf8)
        #expect(reader.events == [.init(name: "", data: "a"), .init(name: "x", data: "b\nc")])
        #expect(reader.comments == 1 && reader.violations.isEmpty && reader.isBetweenEvents)
        reader.take("data: half".utf8)
        #expect(!reader.isBetweenEvents)
        reader.take("\n\nretry: 5\nevent: alone\n\n".utf8)
        #expect(reader.violations.count == 2)
    }
}

@Suite("What judges completions")
struct ChatAnswerTests {
    private func answer(_ chunks: [String], plain: Bool = false) -> ChatAnswer {
        var answer = ChatAnswer()
        for chunk in chunks { answer.take(.init(name: "", data: chunk), plain: plain) }
        return answer
    }

    private func chunk(_ delta: String, finish: String = "null", id: String = "a", index: Int = 0) -> String {
        #"{"id":"\#(id)","object":"chat.completion.chunk","choices":[{"index":\#(index),"delta":{\#(delta)},"finish_reason":\#(finish)}]}"#
    }

    @Test("a stream is complete when every choice has ended once and [DONE] came")
    func complete() {
        let whole = [chunk(#""role":"assistant","content":"He""#), chunk(#""content":"llo""#), chunk("", finish: #""stop""#)]
        let usage = #"{"id":"a","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#
        let read = answer(whole + [usage, "[DONE]"])
        #expect(read.isComplete && read.violations == [] && read.choices == [.init(text: "Hello", finishReason: "stop")])
        #expect(read.usage == .init(promptTokens: 3, completionTokens: 2, cachedTokens: nil))
        #expect(!answer(whole).isComplete)
        #expect(answer(Array(whole.dropLast()) + ["[DONE]"]).violations.count == 1)
    }

    @Test("what no stream of ours may hold is told")
    func violations() {
        let role = chunk(#""role":"assistant""#), end = chunk("", finish: #""stop""#)
        #expect(answer([chunk(#""content":"a""#)]).violations == ["the first chunk of choice 0 names no role"])
        #expect(answer([role, end, chunk(#""content":"a""#)]).violations == ["choice 0 goes on behind its finish_reason"])
        #expect(answer([role, chunk("", id: "b")]).violations == ["the id changed within a stream"])
        #expect(answer([role, end, "[DONE]", role]).violations == ["an event behind [DONE]"])
        #expect(answer(["{"]).violations == ["an event that is not JSON"])
        #expect(answer([#"{"error":{"message":"m","type":"t"}}"#]).violations.count == 1)
        #expect(answer([#"{"error":"m"}"#]).violations.count == 1)
    }

    @Test("an error ends a stream and is no completion")
    func failure() {
        let read = answer([chunk(#""role":"assistant""#), #"{"error":{"message":"m","type":"server_error","param":null,"code":"x"}}"#])
        #expect(
            read.failure == .init(message: "m", type: "server_error", param: nil, code: "x") && !read.isComplete && read.violations == [])
    }
}
