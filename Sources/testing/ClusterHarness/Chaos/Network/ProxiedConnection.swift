import EventLoop

/// One connection through a `FaultProxy`: the end that dialled, the end that is dialled for it, and a pump each way.
@LoopActor
final class ProxiedConnection {
    private static let dialLimit = Duration.seconds(5)

    private let loop: Loop
    private let sockets: any SocketSystem
    private let near: any ByteSocket
    private var far: (any ByteSocket)?
    private let port: UInt16
    private let conditions: @LoopActor () -> PathConditions
    private let ended: @LoopActor (ProxiedConnection) -> Void
    private var isDialling = false
    private(set) var isOpen = true
    private var there: PathPump?
    private var back: PathPump?

    init(
        _ near: any ByteSocket, to port: UInt16, on loop: Loop, _ sockets: any SocketSystem,
        _ conditions: @escaping @LoopActor () -> PathConditions, ended: @escaping @LoopActor (ProxiedConnection) -> Void
    ) {
        self.near = near
        self.port = port
        self.loop = loop
        self.sockets = sockets
        self.conditions = conditions
        self.ended = ended
    }

    func start() {
        let there = PathPump(on: loop, { self.conditions().there }) { [weak self] in self?.passed($0, thither: true) }
        let back = PathPump(on: loop, { self.conditions().back }) { [weak self] in self?.passed($0, thither: false) }
        there.source = near
        back.sink = near
        self.there = there
        self.back = back
        near.start(SocketEnd(reads: there, writes: back))
        conditionsChanged()
    }

    /// Dials once something could arrive there; gives on what was held.
    func conditionsChanged() {
        guard isOpen else { return }
        let now = conditions()
        if far == nil, !isDialling, !now.there.holds, !now.there.loses { dial() }
        there?.push()
        back?.push()
    }

    private func dial() {
        isDialling = true
        sockets.connect(host: FaultProxy.target, port: port, timeout: Self.dialLimit) { [self] result in
            isDialling = false
            switch result {
            case .failure: reset()
            case .success(let socket):
                guard isOpen, let there, let back else { return socket.reset() }
                far = socket
                there.sink = socket
                back.source = socket
                socket.start(SocketEnd(reads: back, writes: there))
                there.pull()
                there.push()
            }
        }
    }

    private func passed(_ end: PathPump.End, thither: Bool) {
        switch end {
        case .broken: reset()
        case .finished:
            (thither ? far : near)?.finishSending()
            if there?.isOver == true, back?.isOver == true { close { $0.close() } }
        }
    }

    /// Both ends hear of a reset, whatever the conditions.
    func reset() { close { $0.reset() } }

    private func close(_ how: (any ByteSocket) -> Void) {
        guard isOpen else { return }
        isOpen = false
        there?.stop()
        back?.stop()
        how(near)
        if let far { how(far) }
        far = nil
        ended(self)
    }
}

/// One of the two sockets of a connection, as its loop tells of it.
@LoopActor
private final class SocketEnd: ByteSocketOwner {
    private let reads: PathPump
    private let writes: PathPump

    init(reads: PathPump, writes: PathPump) {
        self.reads = reads
        self.writes = writes
    }

    func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { writes.push() }
        if events.contains(.readable) || events.contains(.hangup) { reads.pull() }
    }
}
