import ClusterModel
import Engines

/// Reads the stream that answers `POST /generate` for one choice.
struct SGLangReader: AnswerReader {
    /// That the client wants to stop at; every other token that ends the choice ends the text.
    private let stopTokens: [TokenID]
    private var output: SGLangOutput

    init(stopTokens: [TokenID], topLogprobs: UInt32?) {
        self.stopTokens = stopTokens
        output = SGLangOutput(alternatives: topLogprobs.map { Int($0) })
    }

    mutating func read(_ text: UnsafeRawBufferPointer, into part: inout AnswerPart) throws(ServerProblem) {
        let chunk = try SGLangChunk(parsing: text)
        if case .abort(let status)? = chunk.finish { throw .failed(status: status) }
        let news = try output.take(chunk)
        part.tokens.append(contentsOf: news.tokens)
        part.logprobs.append(contentsOf: news.logprobs)
        part.promptTokens = chunk.promptTokens.map { UInt32(clamping: $0) }
        part.cachedTokens = chunk.cachedTokens.map { UInt32(clamping: $0) }
        part.finish =
            switch chunk.finish {
            case nil, .abort: nil
            case .stop(let token?) where stopTokens.contains(token): .stopToken
            case .stop: .endOfText
            case .text: .stopSequence
            case .length: .length
            }
    }
}
