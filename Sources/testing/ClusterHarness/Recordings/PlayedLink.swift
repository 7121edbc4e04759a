import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// One end of a link whose words are a recording's; only proofs, and whose question an answer answers, are made for the occasion.
final class PlayedLink: ByteStreamOwner, @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    enum Part {
        case dials(RecordedConversation)
        /// Which conversation it is follows from the Hello.
        case listens(on: Address)
    }

    private(set) var kind: LinkKind?
    let address: Address
    private let stream: any ByteStream
    private let loop: VirtualLoop
    private unowned let peers: PlayedPeers
    private let playsDialer: Bool
    private var opening: PlayedOpening
    private var script: PlayedScript?
    private var splitter = MessageSplitter()
    private var problems: [String] = []
    private var isClosed = false
    /// But for what only says that the present program lives.
    private(set) var received = 0

    private static let tick = Duration.milliseconds(5), beat = Duration.milliseconds(250)

    @LoopActor
    init(_ stream: any ByteStream, loop: VirtualLoop, _ part: Part, for peers: PlayedPeers) {
        self.stream = stream
        self.loop = loop
        self.peers = peers
        var first: [UInt8] = [0, 0x53, 0x50, 0, 0, 0x10, 0, 0]
        switch part {
        case .dials(let conversation):
            address = conversation.address
            kind = conversation.hello?.link
            playsDialer = true
            opening = PlayedOpening(conversation)
            if let hello = opening.begin() { MessageSplitter.append(hello, to: &first) }
        case .listens(let address):
            self.address = address
            playsDialer = false
            opening = PlayedOpening()
        }
        stream.start(self)
        stream.send(&first)
    }

    // MARK: ByteStreamOwner

    var wantedBytes: Int { 8 }

    func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        splitter.append(bytes)
        _ = splitter.takeGreeting()
        while let message = splitter.next() { heard(message) }
        return bytes.count
    }

    func streamDrained() {}

    func streamClosed(_ error: TransportError) {
        isClosed = true
        // Links on which nothing is asked any more are closed as they are not needed; that is said before.
        if script?.isOver != true { problems.append("the link was closed: \(error)") }
    }

    // MARK: Playing

    @LoopActor private func heard(_ message: [UInt8]) {
        guard let header = try? MessageHeader(reading: message.span.bytes) else { return problems.append("what it says has no header") }
        if var script {
            if header.kind != .heartbeat { received += 1 }
            for answer in script.heard(message, header) { send(answer) }
            self.script = script
            return
        }
        if header.kind == .hello, !playsDialer { choose(message) }
        let step = opening.heard(message, header)
        for answer in step.says { send(answer) }
        if let problem = step.problem { problems.append(problem) }
        guard step.isOpen, let conversation = opening.conversation else { return }
        script = PlayedScript(conversation, playsDialer: playsDialer, openedAt: loop.now)
        loop.schedule(after: Self.tick) { [weak self] in self?.play() }
        loop.schedule(after: Self.beat) { [weak self] in self?.live() }
    }

    private func choose(_ message: [UInt8]) {
        guard let hello = try? Codec.decode(Hello.self, from: message.span.bytes) else { return }
        opening.conversation = peers.conversation(at: address, hello.link)
        kind = hello.link
    }

    @LoopActor private func play() {
        guard !isClosed, var script else { return }
        for message in script.due(at: loop.now) { send(message) }
        self.script = script
        loop.schedule(after: Self.tick) { [weak self] in self?.play() }
    }

    @LoopActor private func live() {
        guard !isClosed, let script else { return }
        send(script.heartbeat)
        loop.schedule(after: Self.beat) { [weak self] in self?.live() }
    }

    @LoopActor private func send(_ message: [UInt8]) {
        guard !isClosed else { return }
        peers.report.played += 1
        var framed: [UInt8] = []
        MessageSplitter.append(message, to: &framed)
        stream.send(&framed)
    }

    /// What did not go as it was recorded.
    var judged: [String] {
        let name = opening.conversation?.name ?? "a link to \(address)"
        guard let script else { return (problems + ["it did not open"]).map { "\(name): \($0)" } }
        return (problems + script.judged).map { "\(name): \($0)" }
    }
}
