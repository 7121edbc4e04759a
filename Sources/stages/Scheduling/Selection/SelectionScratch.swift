package import ClusterModel

/// One candidate as a decision saw it.
package struct Appraisal: Hashable, Sendable {
    package var placement: Placement
    package var inputs: CostInputs
    package var indexedBlocks: UInt64
    package var ticket: UInt64

    package init(placement: Placement, inputs: CostInputs, indexedBlocks: UInt64, ticket: UInt64) {
        self.placement = placement
        self.inputs = inputs
        self.indexedBlocks = indexedBlocks
        self.ticket = ticket
    }
}

/// Which legs a decision has.
package enum DecisionShape: UInt8, CaseIterable, Sendable {
    case whole
    case prefill
    case decode
    /// Prefill and decode.
    case split
}

/// What decisions are made in: kept from one to the next, so that they take no memory. After a decision it holds what that one rests on.
package struct SelectionScratch: Sendable {
    /// Off: only the chosen candidates are kept.
    package var isRecording = true
    package internal(set) var whole = LegSurvey(.aggregated)
    package internal(set) var prefill = LegSurvey(.prefill)
    package internal(set) var decode = LegSurvey(.decode)
    var partners = Partners()
    /// Of the prompt to the decode worker, in the policy's unit; 0 if no split was weighed.
    package internal(set) var transfer = 0.0
    package internal(set) var draw = DecisionDraw(0)
    package internal(set) var shape = DecisionShape.whole

    package init() {}

    mutating func begin(_ draw: DecisionDraw) {
        self.draw = draw
        transfer = 0
        shape = .whole
        whole.clear()
        prefill.clear()
        decode.clear()
    }
}
