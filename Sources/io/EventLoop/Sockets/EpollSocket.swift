internal import CSys
import Glibc

/// A connection of the kernel's, watched by an `EpollLoop`.
@LoopActor
final class EpollSocket: ByteSocket, FileEventHandler {
    let peerIsLoopback: Bool
    let usesReserve: Bool
    private let loop: EpollLoop
    private let descriptor: Int32
    private var owner: (any ByteSocketOwner)?
    private var isOpen = true
    /// Not once it is broken: that would be told for ever.
    private var isWatched = false
    /// What epoll was told to wait for.
    private var interest: FileEvents = []
    private var isReading = true
    private var isWriting = false
    private var hangupIsTold = false
    private var hasEnded = false

    /// Takes over the descriptor.
    init(_ descriptor: Int32, peerIsLoopback: Bool, usesReserve: Bool = false, on loop: EpollLoop) {
        self.descriptor = descriptor
        self.peerIsLoopback = peerIsLoopback
        self.usesReserve = usesReserve
        self.loop = loop
    }

    var peer: String { remoteEnd?.host ?? "" }
    var remoteEnd: SocketEnd? { end(isRemote: true) }
    var localEnd: SocketEnd? { end(isRemote: false) }

    private func end(isRemote: Bool) -> SocketEnd? {
        guard isOpen else { return nil }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
            guard let start = text.baseAddress else { return nil }
            let port = apus_tcp_end(descriptor, isRemote ? 1 : 0, start, text.count)
            return port < 0 ? nil : SocketEnd(host: String(cString: start), port: UInt16(port))
        }
    }

    func start(_ owner: any ByteSocketOwner) {
        precondition(self.owner == nil && isOpen, "a socket has one owner")
        self.owner = owner
        interest = wanted
        do throws(SystemError) {
            try loop.watch(descriptor, for: interest, self)
            isWatched = true
        } catch {
            // The kernel has no memory for it: to the owner that is a connection that broke.
            loop.spawn { self.owner?.socketReady([.hangup, .broken]) }
        }
    }

    private var wanted: FileEvents {
        var events: FileEvents = []
        if isReading, !hasEnded { events.insert(.readable) }
        if isWriting { events.insert(.writable) }
        if hangupIsTold { events.insert(.hangupKnown) }
        return events
    }

    private func updateInterest() {
        let wanted = wanted
        guard isWatched, wanted != interest else { return }
        interest = wanted
        loop.change(descriptor, to: wanted)
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        updateInterest()
    }

    func setWriting(_ writing: Bool) {
        isWriting = writing
        updateInterest()
    }

    func keepUnsent(_ byteCount: Int) {
        guard isOpen else { return }
        apus_tcp_keep_unsent(descriptor, Int32(clamping: byteCount))
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> SocketRead {
        guard isOpen else { return .failed(EBADF) }
        let count = apus_receive(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 { return .bytes(Int(count)) }
        if count < 0 { return count == -Int64(EAGAIN) ? .nothing : .failed(Int32(-count)) }
        // An end is readable for ever.
        hasEnded = true
        updateInterest()
        return .ended
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> SocketWrite {
        guard isOpen else { return .failed(EBADF) }
        let count = apus_send(descriptor, bytes.baseAddress, bytes.count)
        if count >= 0 { return .taken(Int(count)) }
        return count == -Int64(EAGAIN) ? .taken(0) : .failed(Int32(-count))
    }

    func finishSending() {
        guard isOpen else { return }
        _ = apus_finish_sending(descriptor)
    }

    func close() { end(resets: false) }
    func reset() { end(resets: true) }

    private func end(resets: Bool) {
        guard isOpen else { return }
        isOpen = false
        owner = nil
        unwatch()
        apus_close(descriptor, resets ? 1 : 0)
    }

    private func unwatch() {
        isWatched = false
        loop.unwatch(descriptor)
    }

    func ready(_ events: FileEvents) {
        guard let owner else { return }
        guard events.contains(.hangup), !hangupIsTold || events.contains(.broken) else {
            return owner.socketReady(events.subtracting(.hangup))
        }
        hangupIsTold = true
        owner.socketReady(events)
        guard isOpen else { return }
        if events.contains(.broken) { unwatch() } else { updateInterest() }
    }
}
