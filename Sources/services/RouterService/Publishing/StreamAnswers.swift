import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// Answers one link's questions about this router's stream: from the ring what was missed, in pages what stands.
@LoopActor
final class StreamAnswers {
    private let core: RouterCore
    /// What is being read page by page.
    private var snapshot: StateSnapshot?

    init(_ core: RouterCore) { self.core = core }

    func replay(_ question: ReplayQuestion, _ header: MessageHeader, on link: Link) {
        guard question.stream == .routerState, question.lastSequence >= question.firstSequence else {
            let field = question.stream == .routerState ? "lastSequence" : "stream"
            return link.answer(header, with: Failure(.invalidArgument, field: field, reason: "there is no such range here"))
        }
        link.answer(header, with: core.publisher.answer(question), compressed: true)
    }

    func page(_ question: SnapshotQuestion, _ header: MessageHeader, on link: Link) {
        let own = core.context.identity
        guard question.stream == .routerState else {
            return link.answer(header, with: Failure(.invalidArgument, field: "stream", reason: "this router's state is all there is here"))
        }
        // Whoever asks on this link can mean nobody else; 0 is taken for that.
        guard question.publisher == own.id || question.publisher == 0 else {
            return link.answer(header, with: Failure(.invalidArgument, field: "publisher", reason: "another router answers here"))
        }
        guard question.generation == own.generation || question.generation == 0 else {
            return link.answer(header, with: Failure(.notFound, field: "generation", reason: "this router is in another life"))
        }
        if question.cursor == SnapshotCursor() { snapshot = core.snapshot() }
        guard question.cursor.section == 0, let page = snapshot?.page(from: question.cursor.fromHash) else {
            return link.answer(header, with: Failure(.notFound, field: "cursor", reason: "no page begins there; start over"))
        }
        if page.next == nil { snapshot = nil }
        link.answer(header, with: page, compressed: true)
    }
}
