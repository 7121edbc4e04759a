import ClusterModel
@testable import EngineAdapters
import EventLoop

/// An engine's publisher of cache events, and its replay: numbers its batches, keeps the last of them, and fails as a test wants.
@LoopActor
final class EngineDouble {
    nonisolated static let eventPort: UInt16 = 5_557
    nonisolated static let replayPort: UInt16 = 5_558
    nonisolated static let loadPort: UInt16 = 5_559

    /// How answers of the replay are framed: engines before 2026 left the topic out.
    var replaysWithTopic = true
    var topic = "kv"
    /// Batches that are kept for replay.
    var kept = 10_000
    /// The replay takes questions and says nothing.
    var isReplayMute = false
    private(set) var questions: [UInt64] = []
    private(set) var subscribers: [ZMTPPeerDouble] = []
    private(set) var loadPeers: [ZMTPPeerDouble] = []
    private var replayers: [ZMTPPeerDouble] = []
    private var listeners: [any SocketListener] = []
    private var history: [(number: UInt64, payload: [UInt8])] = []
    private var next: UInt64 = 0
    private var time = 1.0
    private let sockets: any SocketSystem
    private let minor: UInt8

    init(on sockets: any SocketSystem, minor: UInt8 = 1) {
        self.sockets = sockets
        self.minor = minor
    }

    func listen(replays: Bool = true) {
        listen(Self.eventPort) { [unowned self] in subscribers.append(ZMTPPeerDouble($0, as: "PUB", minor: minor)) }
        listen(Self.loadPort) { [unowned self] in loadPeers.append(ZMTPPeerDouble($0, as: "PUB", minor: minor)) }
        guard replays else { return }
        listen(Self.replayPort) { [unowned self] socket in
            let peer = ZMTPPeerDouble(socket, as: "ROUTER", minor: minor)
            peer.heard = { [unowned self] peer, message in answer(peer, message) }
            replayers.append(peer)
        }
    }

    /// Somebody else may stand there in the engine's place.
    func listen(_ port: UInt16, _ accept: @escaping @LoopActor (any ByteSocket) -> Void) {
        do throws(SystemError) { listeners.append(try sockets.listen(host: "engine", port: port, accept)) } catch {
            preconditionFailure("\(error)")
        }
    }

    private func answer(_ peer: ZMTPPeerDouble, _ message: [[UInt8]]) {
        guard message.count == 2, message[0].isEmpty, message[1].count == 8 else { return }
        let first = message[1].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        questions.append(first)
        guard !isReplayMute else { return }
        for batch in history where batch.number >= first { peer.send(framed(batch.number, batch.payload, isReplay: true)) }
        peer.send(replaysWithTopic ? [[], [], [UInt8](repeating: 0xFF, count: 8), []] : [[], [UInt8](repeating: 0xFF, count: 8), []])
    }

    private func framed(_ number: UInt64, _ payload: [UInt8], isReplay: Bool) -> [[UInt8]] {
        let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        guard isReplay else { return [Array(topic.utf8), bytes, payload] }
        return replaysWithTopic ? [[], Array(topic.utf8), bytes, payload] : [[], bytes, payload]
    }

    /// - Parameter isLost: it is kept for replay, and not sent.
    func publish(_ events: [Pack], isLost: Bool = false) {
        time += 0.25
        publish(payload: Pack.batch(events, time: time), isLost: isLost)
    }

    func publish(payload: [UInt8], isLost: Bool = false) {
        history.append((next, payload))
        if history.count > kept { history.removeFirst(history.count - kept) }
        let message = framed(next, payload, isReplay: false)
        next += 1
        guard !isLost else { return }
        for peer in subscribers where !peer.isGone && !peer.topics.isEmpty { peer.send(message) }
    }

    /// Something that stands in no history.
    func sendRaw(_ message: [[UInt8]]) { for peer in subscribers where !peer.isGone { peer.send(message) } }

    /// The same batch once more.
    func repeatLast() {
        guard let last = history.last else { return }
        sendRaw(framed(last.number, last.payload, isReplay: false))
    }

    func dropConnections() {
        for peer in subscribers + replayers + loadPeers where !peer.isGone { peer.reset() }
        subscribers = []
        replayers = []
        loadPeers = []
    }

    /// Another life: numbers begin anew.
    func restart(keepingConnections: Bool = false) {
        history = []
        next = 0
        time += 1_000
        if !keepingConnections { dropConnections() }
    }

    func close() {
        for listener in listeners { listener.close() }
        listeners = []
        dropConnections()
    }
}
