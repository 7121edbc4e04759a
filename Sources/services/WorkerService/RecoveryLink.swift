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
    /// Section 0 as it was read for the page that began it: its later pages are of the same moment.
    private var section: StateSection?

    init(_ link: Link, core: WorkerCore, ended: @escaping @LoopActor (RecoveryLink, LinkEnd) -> Void) {
        self.link = link
        self.core = core
        self.ended = ended
    }

    func link(_ link: Link, ended end: LinkEnd) {
        section = nil
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

    /// No past events are kept: whoever has a gap takes a snapshot.
    private func replay(_ question: ReplayQuestion, _ header: MessageHeader) {
        guard isOurs(question.stream, question.publisher) else {
            return fail(header, .invalidArgument, "stream", "this worker answers for its own stream")
        }
        guard question.lastSequence >= question.firstSequence else {
            return fail(header, .invalidArgument, "lastSequence", "below firstSequence")
        }
        core.events.publish()
        var answer = ReplayAnswer()
        answer.generation = core.identity.generation
        answer.newestSequence = core.events.lastSequence
        if question.generation != core.identity.generation {
            answer.outcome = .wrongGeneration
        } else {
            answer.outcome = question.firstSequence > answer.newestSequence ? .tooNew : .tooOld
        }
        link.answer(header, with: answer)
    }

    private func snapshot(_ question: SnapshotQuestion, _ header: MessageHeader) {
        guard isOurs(question.stream, question.publisher) else {
            return fail(header, .invalidArgument, "stream", "this worker answers for its own stream")
        }
        guard question.generation == 0 || question.generation == core.identity.generation else {
            return fail(header, .notFound, "generation", "this worker is in another life")
        }
        if question.cursor.section == 0 {
            return link.answer(header, with: statePage(from: question.cursor.fromHash), compressed: true)
        }
        // The tiers of the cache: this engine names no blocks.
        core.events.publish()
        var page = SnapshotPage()
        page.generation = core.identity.generation
        page.section = question.cursor.section
        page.sequence = core.events.lastSequence
        page.fromHash = question.cursor.fromHash
        page.throughHash = .max
        link.answer(header, with: page, compressed: true)
    }

    private func statePage(from place: UInt64) -> SnapshotPage {
        let now = core.loop.now
        let kept = section.flatMap { $0.expires > now && place > 0 ? $0 : nil }
        let section = kept ?? StateSection(core, expires: now + WorkerLimits.snapshotKept)
        let page = section.page(from: place, generation: core.identity.generation)
        self.section = page.next == nil ? nil : section
        return page
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

/// State, loads and requests of one moment, in pages. Rules: `proto-spec/03-exchanges.md#snapshots`.
@LoopActor
struct StateSection {
    let expires: Instant
    private let sequence: UInt64
    private let entries: [SnapshotEntry]

    init(_ core: WorkerCore, expires: Instant) {
        // What waits for its batch leaves first, so that the number says what the page contains.
        core.events.publish()
        self.expires = expires
        sequence = core.events.lastSequence
        entries =
            [.stateChanged(StateChanged(state: core.state, reason: core.stateReason))]
            + core.table.ranks.map { .rankLoad($0.load) }
            + core.sessions.all.map { .sessionBound($0.bound) }
            + core.table.open.filter { $0.lease != 0 }.flatMap(Self.entries)
    }

    /// The key of section 0 is the place in this list.
    func page(from place: UInt64, generation: UInt64) -> SnapshotPage {
        let start = Int(clamping: min(place, UInt64(entries.count))), end = min(start + WorkerLimits.requestsPerPage, entries.count)
        var page = SnapshotPage()
        page.generation = generation
        page.sequence = sequence
        page.fromHash = place
        page.entries = Array(entries[start..<end])
        page.throughHash = end == entries.count ? .max : UInt64(end) - 1
        if end < entries.count { page.next = SnapshotCursor(section: 0, fromHash: UInt64(end)) }
        return page
    }

    /// More hashes than an entry holds are in several, told apart by their first block.
    private static func entries(_ request: OpenRequest) -> [SnapshotEntry] {
        var held = HeldRequest()
        held.lease = request.lease
        held.request = request.request
        held.routerID = request.routerID
        held.rank = UInt32(request.rank)
        held.leg = request.leg
        held.started = request.startedAt != nil
        held.promptTokens = request.promptTokens
        held.prefillTokens = request.remainingTokens
        held.maxTokens = request.maxTokens
        held.expectedOutputTokens = request.expectedOutputTokens
        held.outputBlocks = request.outputBlocks
        held.outputTokens = request.outputTokens
        var all: [SnapshotEntry] = [], first = 0
        repeat {
            let end = min(first + Limits.snapshotHashes, request.hashes.count)
            held.firstBlock = UInt32(first)
            held.hashes = request.hashes[first..<end].map(\.rawValue)
            all.append(.heldRequest(held))
            first = end
        } while first < request.hashes.count
        return all
    }
}
