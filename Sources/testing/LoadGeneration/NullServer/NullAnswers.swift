import HTTPServing
import HTTPSyntax
import JSONText

/// The texts of a null server's answers, made once.
struct NullAnswers: Sendable {
    let models: [UInt8]
    private let role: [UInt8]
    private let chatChunk: [UInt8]
    private let plainChunk: [UInt8]
    private let chatFinish: [UInt8]
    private let plainFinish: [UInt8]
    private let usageStart: [UInt8]
    private let model: [UInt8]
    private let tokensPerChunk: Int

    init(model: String, tokensPerChunk: Int) {
        self.tokensPerChunk = max(1, tokensPerChunk)
        var quoted: [UInt8] = []
        JSONWriter.appendQuoted(model, to: &quoted)
        self.model = quoted
        let name = String(decoding: quoted, as: UTF8.self)
        models = Array(#"{"object":"list","data":[{"id":\#(name),"object":"model","created":0,"owned_by":"null"}]}"#.utf8)
        let chat = #"{"id":"null-0","object":"chat.completion.chunk","created":0,"model":\#(name),"choices":"#
        let plain = #"{"id":"null-0","object":"text_completion","created":0,"model":\#(name),"choices":"#
        let text = String(repeating: "word ", count: self.tokensPerChunk)
        func event(_ json: String) -> [UInt8] { Array("data: \(json)\n\n".utf8) }
        role = event(chat + #"[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#)
        chatChunk = event(chat + #"[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":null}],"usage":null}"#)
        plainChunk = event(plain + #"[{"index":0,"text":"\#(text)","finish_reason":null}],"usage":null}"#)
        chatFinish = event(chat + #"[{"index":0,"delta":{},"finish_reason":"length"}],"usage":null}"#)
        plainFinish = event(plain + #"[{"index":0,"text":"","finish_reason":"length"}],"usage":null}"#)
        usageStart = Array(("data: " + chat + #"[],"usage":"#).utf8)
    }

    func appendRole(to bytes: inout [UInt8]) { bytes.append(contentsOf: role) }

    /// In as many events as they need; the last one may say more words than it has tokens, and is counted right in the end.
    func append(tokens: Int, isChat: Bool, to bytes: inout [UInt8]) {
        let chunk = isChat ? chatChunk : plainChunk
        for _ in 0..<(tokens + tokensPerChunk - 1) / tokensPerChunk { bytes.append(contentsOf: chunk) }
    }

    func appendEnd(_ question: NullQuestion, isChat: Bool, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: isChat ? chatFinish : plainFinish)
        if question.wantsUsage {
            bytes.append(contentsOf: usageStart)
            appendUsage(question, to: &bytes)
            HTTPText.append("}\n\n", to: &bytes)
        }
        ServerSentEvents.appendDone(to: &bytes)
    }

    func whole(_ question: NullQuestion, isChat: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(384 + 5 * question.tokens)
        HTTPText.append(#"{"id":"null-0","object":"#, to: &bytes)
        HTTPText.append(isChat ? #""chat.completion""# : #""text_completion""#, to: &bytes)
        HTTPText.append(#","created":0,"model":"#, to: &bytes)
        bytes.append(contentsOf: model)
        HTTPText.append(#","choices":[{"index":0,"#, to: &bytes)
        HTTPText.append(isChat ? #""message":{"role":"assistant","content":""# : #""text":""#, to: &bytes)
        for _ in 0..<question.tokens { HTTPText.append("word ", to: &bytes) }
        HTTPText.append(isChat ? #""},"finish_reason":"length"}],"usage":"# : #"","finish_reason":"length"}],"usage":"#, to: &bytes)
        appendUsage(question, to: &bytes)
        HTTPText.append("}", to: &bytes)
        return bytes
    }

    private func appendUsage(_ question: NullQuestion, to bytes: inout [UInt8]) {
        HTTPText.append(#"{"prompt_tokens":"#, to: &bytes)
        HTTPText.append(decimal: question.promptTokens, to: &bytes)
        HTTPText.append(#","completion_tokens":"#, to: &bytes)
        HTTPText.append(decimal: question.tokens, to: &bytes)
        HTTPText.append(#","total_tokens":"#, to: &bytes)
        HTTPText.append(decimal: question.promptTokens + question.tokens, to: &bytes)
        HTTPText.append(#","prompt_tokens_details":{"cached_tokens":0}}"#, to: &bytes)
    }
}
