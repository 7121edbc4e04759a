import ClusterModel
import WireProtocol

/// What a recorded side of an open link says and when, and what the other said in its place.
struct PlayedScript {
    private let conversation: RecordedConversation
    private let playsDialer: Bool
    private let openedAt: Instant
    /// In the recording.
    private let recordedOpening: Duration
    /// All but answers and signs of life, in order.
    private var waiting: ArraySlice<Line>
    /// Since when the first of them waits for what it follows.
    private var waitingSince: Instant?
    private var heardKinds: [MessageKind: Int] = [:]
    private var heardTokens: [TokenPlace: [UInt32]] = [:]
    private var problems: [String] = []
    private var saidGoodbye = false

    private struct Line {
        let entry: RecordedConversation.Entry
        /// What of each kind the other had said before.
        let after: [MessageKind: Int]
    }

    /// Tokens of one choice of one attempt.
    struct TokenPlace: Hashable {
        let counter: UInt64
        let choice: UInt8
        let attempt: UInt8
    }

    /// What begins something, so that what was recorded behind it makes no sense before it; the numbers of other messages depend on pace.
    private static let causes: Set<MessageKind> = [
        .registerWorker, .registerFrontend, .registerRouter, .routeBatch, .planBatch, .generateBatch, .cancelBatch, .openSession,
        .sessionOpened, .endSession, .sessionEnded, .roomOpen, .roomReady, .roomEnd, .roomDone, .closeSession, .drainNotice,
    ]
    /// What every link has, and what is said or not as times fall.
    private static let incidental: Set<MessageKind> = [
        .hello, .challenge, .proof, .welcome, .heartbeat, .goodbye, .goodbyeAck, .failure, .kvAck, .replayQuestion, .replayAnswer,
        .cancelBatch, .cancelRoute,
    ]
    private static let patience = Duration.seconds(2)

    init(_ conversation: RecordedConversation, playsDialer: Bool, openedAt: Instant) {
        self.conversation = conversation
        self.playsDialer = playsDialer
        self.openedAt = openedAt
        var lines: [Line] = [], others: [MessageKind: Int] = [:], opening = Duration.zero
        for entry in conversation.entries {
            guard let header = entry.header, let kind = header.kind else { continue }
            if kind == .welcome { opening = entry.at }
            if entry.isDialers != playsDialer {
                if Self.causes.contains(kind) { others[kind, default: 0] += 1 }
            } else if kind.rawValue > MessageKind.heartbeat.rawValue, !header.flags.contains(.answer) {
                lines.append(Line(entry: entry, after: others))
            }
        }
        recordedOpening = opening
        waiting = lines[...]
    }

    var isOver: Bool { waiting.isEmpty || saidGoodbye }

    // MARK: Saying

    /// What the recorded side says by now.
    mutating func due(at now: Instant) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let line = waiting.first, openedAt + (line.entry.at - recordedOpening) <= now {
            // Order: all of them must hold.
            if let missing = line.after.first(where: { heardKinds[$0.key, default: 0] < $0.value }) {
                let since = waitingSince ?? now
                waitingSince = since
                guard since.duration(to: now) > Self.patience else { break }
                problems.append("it never said as many \(missing.key) as it should have by now")
                waiting = []
                break
            }
            waitingSince = nil
            waiting.removeFirst()
            messages.append(line.entry.message)
        }
        return messages
    }

    var heartbeat: [UInt8] {
        if let recorded = conversation.entries.first(where: { $0.isDialers == playsDialer && $0.kind == .heartbeat }) {
            return recorded.message
        }
        var bytes: [UInt8] = []
        Codec.append(Heartbeat(), to: &bytes)
        return bytes
    }

    // MARK: Hearing

    /// Notes a message of the present program, and gives the answer to it, if it is a question.
    mutating func heard(_ message: [UInt8], _ header: MessageHeader) -> [[UInt8]] {
        guard let kind = header.kind else {
            problems.append("it says a kind that nobody knows: \(header.rawKind)")
            return []
        }
        heardKinds[kind, default: 0] += 1
        let said = RecordedConversation.Entry(at: .zero, isDialers: !playsDialer, message: message)
        switch kind {
        case .failure: heard(said.read(Failure.self))
        case .goodbye:
            saidGoodbye = true
            let goodbye = said.read(Goodbye.self)
            if goodbye?.reason == .protocolError { problems.append("it ends the link: \(goodbye?.detail ?? "")") }
        case .tokenBatch: Self.gather(said, into: &heardTokens)
        default: break
        }
        return header.flags.contains(.question) ? answer(header, kind) : []
    }

    /// What is not understood, or does not belong there. Others say how things are: that a worker is not registered yet, say.
    private static let misunderstandings: Set<FailureCode> = [.malformed, .unsupportedKind, .notAllowedHere]

    private mutating func heard(_ failure: Failure?) {
        guard let failure else { return problems.append("it answers with a failure that does not decode") }
        if Self.misunderstandings.contains(failure.code) { problems.append("it answers with a failure: \(failure.code) \(failure.field)") }
    }

    /// The recorded answer to the question of that kind that has the same place among them; the last one, if there were fewer.
    private mutating func answer(_ header: MessageHeader, _ kind: MessageKind) -> [[UInt8]] {
        let questions = conversation.entries.filter {
            $0.isDialers != playsDialer && $0.kind == kind && $0.header?.flags.contains(.question) == true
        }
        guard !questions.isEmpty else {
            // Of two links between routers one is ended before anything is asked on it, or just behind.
            if !isEndedByRecorded { problems.append("it asks \(kind), which the recorded program did not") }
            return []
        }
        let question = questions[min(heardKinds[kind, default: 1], questions.count) - 1]
        let answer = conversation.entries.first { entry in
            guard entry.isDialers == playsDialer, let told = entry.header else { return false }
            return told.flags.contains(.answer) && told.number == question.header?.number
        }
        // One that was still open when the recording ended.
        guard var bytes = answer?.message else { return [] }
        bytes.storeLittleEndian(header.origin, at: MessageHeader.byteCount - 16)
        bytes.storeLittleEndian(header.number, at: MessageHeader.byteCount - 8)
        return [bytes]
    }

    private var isEndedByRecorded: Bool { conversation.entries.contains { $0.isDialers == playsDialer && $0.kind == .goodbye } }

    private static func gather(_ said: RecordedConversation.Entry, into tokens: inout [TokenPlace: [UInt32]]) {
        for frame in said.read(TokenBatch.self)?.frames ?? [] {
            tokens[TokenPlace(counter: frame.counter, choice: frame.choice, attempt: frame.attempt), default: []] += frame.tokens
        }
    }

    // MARK: Judgement

    /// The present program says every kind that the recorded one said, and of every answer that was not cancelled the same tokens.
    var judged: [String] {
        var recordedKinds: Set<MessageKind> = [], recordedTokens: [TokenPlace: [UInt32]] = [:], cancelled: Set<UInt64> = []
        for entry in conversation.entries {
            if let batch = entry.read(CancelBatch.self) { cancelled.formUnion(batch.requests.map(\.counter)) }
            guard entry.isDialers != playsDialer, let kind = entry.kind else { continue }
            recordedKinds.insert(kind)
            Self.gather(entry, into: &recordedTokens)
        }
        var problems = problems
        let missing = recordedKinds.subtracting(heardKinds.keys).subtracting(Self.incidental).map { "\($0)" }.sorted()
        if !missing.isEmpty { problems.append("it never says \(missing.joined(separator: ", "))") }
        // Order: each is compared by itself, and the problems are counted.
        let other = recordedTokens.filter { !cancelled.contains($0.key.counter) && heardTokens[$0.key] != $0.value }
        if !other.isEmpty { problems.append("\(other.count) of \(recordedTokens.count) choices have other tokens") }
        if !waiting.isEmpty { problems.append("\(waiting.count) of the recorded messages were not played") }
        return problems
    }
}
