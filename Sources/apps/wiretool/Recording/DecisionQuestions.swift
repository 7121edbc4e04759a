import ClusterModel
import EventLoop
import JSONText
import LoadGeneration
import Scheduling
import Transport
import WireProtocol

/// Asks routers why requests went where they went: so many a second, and a few at once. What is not asked is not known.
@LoopActor
final class DecisionQuestions {
    private let loop: Loop
    private let eachSecond: Int
    private var open = 0
    private var left: Double
    private var filledAt: Instant

    /// A router answers in a turn of its loop; one that does not has more to do.
    private static let openAtOnce = 256
    private static let limit = Duration.seconds(2)

    init(loop: Loop, eachSecond: Int) {
        self.loop = loop
        self.eachSecond = eachSecond
        left = Double(eachSecond)
        filledAt = loop.now
    }

    /// Calls `answered` once: with nil where it is not asked, or not answered.
    func ask(_ question: RecordAssembler.Question, over link: Link?, _ answered: @escaping @LoopActor (RecordedDecision?) -> Void) {
        refill()
        guard left >= 1, open < Self.openAtOnce, let link else { return answered(nil) }
        left -= 1
        open += 1
        loop.spawn { [self] in
            let asked = ExplainQuestion(request: question.request, ordinals: true)
            let answer = try? await link.ask(asked, answeredBy: ExplainAnswer.self, within: Self.limit)
            open -= 1
            answered(answer.flatMap(RecordedDecision.init))
        }
    }

    private func refill() {
        left = min(left + Double(filledAt.duration(to: loop.now).inMicroseconds) * 1e-6 * Double(eachSecond), Double(eachSecond))
        filledAt = loop.now
    }
}

extension RecordedDecision {
    /// Nil: it is no record of a decision.
    fileprivate init?(_ answer: ExplainAnswer) {
        guard let json = try? JSONValue(parsing: answer.decision), let record = try? DecisionRecord(json), let leg = record.taken.first
        else {
            return nil
        }
        let session: Session =
            switch record.facts.session {
            case .none: .none
            case .bound: .bound
            case .spilled: .spilled
            case .lost: .lost
            }
        self.init(session: session, queued: record.facts.queued, policy: leg.rule.formula.settings.policy.rawValue)
    }
}
