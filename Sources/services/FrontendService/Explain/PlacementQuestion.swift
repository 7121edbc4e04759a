import ClusterModel
import OpenAIDialect
import WireProtocol

extension PreparedRequest {
    /// Only where it would run is asked.
    var isQuestion: Bool { generation.hints.isQueryOnly }
    /// Names of the members of `nvext` that this knows how to fill.
    var wantsWorker: Bool { isQuestion || generation.hints.wants("worker_id") }
    var wantsDecision: Bool { generation.hints.wants("decision") }
}

extension ClientAnswer {
    /// Told with every chunk from now on: where the prompt is computed and where the tokens come from.
    func place(_ plan: PlanEntry) {
        func placement(_ leg: PlanLeg?) -> Placement? {
            leg.map { Placement(worker: WorkerID($0.workerID), rank: Rank($0.rank)) }
        }
        told.prefill = placement(plan.legs.first { $0.leg != .decode })
        told.decode = placement(plan.legs.last { $0.leg != .prefill })
    }

    /// The whole answer to a question: no text, but the placement and the prompt's tokens.
    func conclude(_ tokens: [TokenID], choices: Int) {
        told.tokenIDs = tokens
        begin()
        for choice in 0..<UInt8(clamping: choices) { finish(choice: choice, .endOfText) }
        end()
    }
}
