import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Telemetry
import WireProtocol

/// The records of the router's last decisions, and what is said of them: in the log, and to whoever asks.
@LoopActor
final class DecisionLog {
    private var ring: DecisionRing
    private let log: Logger

    init(bytes: Int, log: Logger) {
        ring = DecisionRing(bytes: bytes)
        self.log = log
    }

    /// The decision that this plan rests on; it was the last one made in the scratch.
    func keep(_ scratch: borrowing SelectionScratch, _ plan: PlanEntry, of request: RequestID, parked: Int) {
        var facts = DecisionFacts()
        facts.request = request
        facts.attempt = plan.attempt
        facts.isQuestion = plan.outcome == .queryOnly
        facts.session = DecisionSession(plan.session)
        facts.handOver = plan.handOver.splitPath
        facts.queued = .microseconds(Int64(clamping: plan.queueMicroseconds))
        facts.queueDepth = UInt32(clamping: parked)
        facts.took = .nanoseconds(Int64(clamping: plan.decisionNanoseconds))
        ring.append(scratch, facts)
        if !facts.isQuestion { write(plan, request) }
    }

    /// Other programs read this line by its shape.
    private func write(_ plan: PlanEntry, _ request: RequestID) {
        guard log.isEnabled(.debug) else { return }
        for leg in plan.legs {
            log.debug(
                composed:
                    "[ROUTING] Best: worker_\(leg.workerID) dp_rank=\(leg.rank) with \(leg.deviceBlocks)/\(plan.promptBlocks) blocks overlap",
                [
                    "request": .text(request.description), "leg": .text("\(leg.leg)"), "worker": .hex(leg.workerID),
                    "overlap_blocks": .count(Int(leg.deviceBlocks)), "total_blocks": .count(Int(plan.promptBlocks)),
                ])
        }
    }

    /// Nil: it is not kept any more, or never was.
    func record(of request: RequestID, attempt: UInt8, naming: PlacementNaming) -> [UInt8]? {
        guard let record = ring.record(of: request, attempt: attempt == 0 ? nil : attempt) else { return nil }
        var json = JSONWriter()
        record.write(to: &json, naming: naming, before: ring.record(before: record))
        let text = json.finish()
        return text.count <= Limits.explainBytes ? text : nil
    }

    var count: Int { ring.count }
    var capacityBytes: Int { ring.capacityBytes }
}

extension DecisionSession {
    init(_ outcome: SessionOutcome) {
        switch outcome {
        case .none: self = .none
        case .bound: self = .bound
        case .spilled: self = .spilled
        case .lost: self = .lost
        }
    }
}
