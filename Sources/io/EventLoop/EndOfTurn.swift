/// What gathers during a turn and leaves at its end.
package protocol EndOfTurn: AnyObject, Sendable {
    /// When in the end of a turn it is flushed.
    @LoopActor var endOfTurn: EndOfTurnStage { get }
    @LoopActor func flush()
}

extension EndOfTurn {
    @LoopActor package var endOfTurn: EndOfTurnStage { .gathered }
}

/// The end of a turn, in this order: what one stage hands to a later one leaves with the same turn, without another look at what has arrived.
package enum EndOfTurnStage: Int, Sendable {
    /// Batches and steps: they give connections something to write.
    case gathered
    /// Connections, which write.
    case written
    /// What nobody waits for: whoever is woken by it takes the processor from nobody who is waited for.
    case told
}

/// What waits for one stage of the end of a turn.
final class EndOfTurnList: @unchecked Sendable {
    // Safety: touched only by the thread that owns the loop.
    @exclusivity(unchecked) private var waiting: [any EndOfTurn] = []
    @exclusivity(unchecked) private var flushing: [any EndOfTurn] = []

    var isEmpty: Bool { waiting.isEmpty }
    func add(_ object: any EndOfTurn) { waiting.append(object) }

    /// Who comes back during this waits for the next turn.
    func flush() {
        guard !waiting.isEmpty else { return }
        swap(&waiting, &flushing)
        for object in flushing { OnLoop.flush(object) }
        flushing.removeAll(keepingCapacity: true)
    }
}
