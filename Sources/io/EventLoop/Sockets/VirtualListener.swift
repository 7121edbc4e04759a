/// A listening socket of a simulated process: connections wait in its backlog, open to their clients, until the loop takes them.
final class VirtualListener: SocketListener, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    let port: UInt16
    let pauses = 0
    private let backlog: Int
    private unowned let host: VirtualSockets
    /// Dropped at the end: it may hold whoever holds this.
    private var accept: (@LoopActor (any ByteSocket) -> Void)?
    private var waiting: [VirtualSocket] = []
    private var isAccepting = true
    private var isOpen = true
    private var isPosted = false

    init(port: UInt16, backlog: Int, on host: VirtualSockets, _ accept: @escaping @LoopActor (any ByteSocket) -> Void) {
        self.port = port
        self.backlog = backlog
        self.host = host
        self.accept = accept
    }

    var hasRoom: Bool { waiting.count < backlog }

    func offer(_ socket: VirtualSocket) {
        waiting.append(socket)
        post()
    }

    func setAccepting(_ accepting: Bool) {
        isAccepting = accepting
        post()
    }

    func close() {
        guard isOpen else { return }
        if isAccepting { acceptAll() }
        died()
        host.closed(self)
    }

    /// Nobody takes those that wait.
    func died() {
        isOpen = false
        accept = nil
        let left = waiting
        waiting = []
        for socket in left { socket.breakOff() }
    }

    private func post() {
        guard isOpen, isAccepting, !isPosted, !waiting.isEmpty else { return }
        isPosted = true
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
    }

    func receive(_ item: InboxItem) {
        isPosted = false
        if isOpen, isAccepting { acceptAll() }
    }

    @LoopActor private func acceptAll() {
        let accepted = waiting
        waiting = []
        for socket in accepted { accept?(socket) }
    }
}

/// An attempt to connect, completed once, in the inbox of the loop that began it.
final class VirtualConnecting: InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let host: VirtualSockets
    private let done: @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    private var outcome: Result<VirtualSocket, SystemError>?

    init(on host: VirtualSockets, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void) {
        self.host = host
        self.done = done
    }

    var isComplete: Bool { outcome != nil }

    func complete(_ result: Result<VirtualSocket, SystemError>) {
        guard outcome == nil else {
            if case .success(let late) = result { late.breakOff() }
            return
        }
        outcome = result
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
    }

    func receive(_ item: InboxItem) {
        switch outcome {
        case .success(let socket): done(.success(socket))
        case .failure(let error): done(.failure(error))
        case nil: preconditionFailure("put when there is an outcome")
        }
    }
}
