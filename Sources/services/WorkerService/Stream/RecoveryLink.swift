import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Questions about this worker's stream and model, by a router or a frontend: all of them may be asked twice.
@LoopActor
final class RecoveryLink: LinkHandler {
    let link: Link
    private let core: WorkerCore
    private let ended: @LoopActor (RecoveryLink, LinkEnd) -> Void

    init(_ link: Link, core: WorkerCore, ended: @escaping @LoopActor (RecoveryLink, LinkEnd) -> Void) {
        self.link = link
        self.core = core
        self.ended = ended
    }

    func link(_ link: Link, ended end: LinkEnd) {
        core.snapshots.forget(self)
        ended(self, end)
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard link.isOpen else { return }
        guard header.flags.contains(.question) else { return link.misplaced(header) }
        do throws(WireError) {
            switch header.kind {
            case .replayQuestion: replay(try Codec.decodeBody(ReplayQuestion.self, from: body), header)
            case .snapshotQuestion: snapshot(try Codec.decodeBody(SnapshotQuestion.self, from: body), header)
            case .fileQuestion: file(try Codec.decodeBody(FileQuestion.self, from: body), header)
            default: link.misplaced(header)
            }
        } catch {
            link.malformed(header, error)
        }
    }

    private func fail(_ header: MessageHeader, _ code: FailureCode, _ field: String, _ reason: String) {
        link.answer(header, with: Failure(code, field: field, reason: reason))
    }

    private func isOurs(_ stream: StreamKind, _ publisher: UInt64) -> Bool {
        stream == .workerEvents && publisher == core.identity.id
    }

    // MARK: Stream

    private func replay(_ question: ReplayQuestion, _ header: MessageHeader) {
        guard isOurs(question.stream, question.publisher) else {
            return fail(header, .invalidArgument, "stream", "this worker answers for its own stream")
        }
        guard question.lastSequence >= question.firstSequence else {
            return fail(header, .invalidArgument, "lastSequence", "below firstSequence")
        }
        // What waits for its batch gets its number first: the answer says what the newest is.
        link.answer(header, with: core.events.replay(question))
    }

    private func snapshot(_ question: SnapshotQuestion, _ header: MessageHeader) {
        guard isOurs(question.stream, question.publisher) else {
            return fail(header, .invalidArgument, "stream", "this worker answers for its own stream")
        }
        guard question.generation == 0 || question.generation == core.identity.generation else {
            return fail(header, .notFound, "generation", "this worker is in another life")
        }
        guard let page = core.snapshots.page(question.cursor, for: self, of: core) else {
            return fail(header, .invalidArgument, "section", "a worker has no such section")
        }
        // Hashes do not shrink.
        link.answer(header, with: page, compressed: page.section == 0)
        if page.next != nil { core.loop.reaches("part of a snapshot answered") }
    }

    // MARK: Files

    private func file(_ question: FileQuestion, _ header: MessageHeader) {
        guard let bytes = core.model.file(question.name, question.digest) else {
            return fail(header, .notFound, "digest", "the card names no such file")
        }
        guard question.offset <= UInt64(bytes.count) else { return fail(header, .invalidArgument, "offset", "the file is shorter") }
        let start = Int(question.offset), end = min(start + Limits.fileChunkBytes, bytes.count)
        let answer = FileAnswer(
            digest: question.digest, offset: question.offset, totalBytes: UInt64(bytes.count), data: Array(bytes[start..<end]))
        link.answer(header, with: answer, compressed: true)
    }
}
