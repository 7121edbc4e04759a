import ClusterModel
import OpenAIDialect
import WireProtocol

extension PreparedRequest {
    /// Only where it would run is asked.
    var isQuestion: Bool { generation.hints.isQueryOnly }
    /// Names of the members of `nvext` that this knows how to fill.
    var wantsWorker: Bool { isQuestion || generation.hints.wants("worker_id") }
    var wantsDecision: Bool { generation.hints.wants("decision") }
    var wantsTiming: Bool { generation.hints.wants("timing") }
    var wantsStages: Bool { generation.hints.wants("stages") }
}

extension AnswerShare {
    /// The whole answer to a question: no text, but the placement and, once, the prompt's tokens.
    func conclude(_ tokens: [TokenID], choices: Int) {
        toldAtEnd.insert(.init(tokenIDs: tokens), at: 0)
        begin()
        for choice in 0..<UInt8(clamping: choices) { finish(choice: choice, AnswerFinish(.endOfText)) }
        end()
    }
}
