import ClusterModel
import EventLoop
import WireProtocol

/// Hears a publisher, as a SUB socket of nng's that subscribes to everything would, and dials it again whenever it is gone.
@LoopActor
final class SocketSubscriber: SubscribingSocket, ByteStreamOwner {
    private let address: Address
    private let loop: Loop
    private let sockets: any SocketSystem
    /// Nil once it is closed.
    private var received: (@LoopActor (UnsafeRawBufferPointer) -> Void)?
    private var stream: (any ByteStream)?
    private var framing = SPFraming(from: .publisher, maximum: Limits.feedMessageBytes)
    private var pause = TransportLimits.feedReconnectFirst
    private var timer: TimerHandle?

    init(
        to address: Address, loop: Loop, sockets: any SocketSystem, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) {
        self.address = address
        self.loop = loop
        self.sockets = sockets
        self.received = received
        dial()
    }

    func close() {
        received = nil
        loop.cancel(timer)
        stream?.close()
        stream = nil
    }

    // MARK: Connecting

    private func dial() {
        SocketStream.dial(address, timeout: TransportLimits.dial, on: loop, sockets) { [weak self] result in
            guard let self, received != nil else {
                if case .success(let stream) = result { stream.close() }
                return
            }
            switch result {
            case .success(let stream): begin(stream)
            case .failure: dialLater()
            }
        }
    }

    private func begin(_ stream: any ByteStream) {
        self.stream = stream
        framing = SPFraming(from: .publisher, maximum: Limits.feedMessageBytes)
        stream.start(self)
        var greeting = SPFraming.greeting(of: .subscriber)
        stream.send(&greeting)
    }

    private func dialLater() {
        // From half of it to all: those who lost the same publisher do not come back together.
        let half = pause / 2, spread = Duration.nanoseconds(Int64(loop.random.next() % UInt64(half.inNanoseconds + 1)))
        timer = loop.schedule(after: half + spread) { [weak self] in self?.dial() }
        pause = min(pause * 2, TransportLimits.feedReconnectLongest)
    }

    // MARK: ByteStreamOwner

    var wantedBytes: Int { framing.wanted }

    func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        var used = 0
        do throws(SPFraming.Problem) {
            while let received, let message = try framing.next(in: bytes, from: &used) {
                received(UnsafeRawBufferPointer(rebasing: bytes[message]))
            }
        } catch {
            // A message that is longer than any may be ends the connection before memory is taken for it; so does a stranger.
            stream?.close()
            stream = nil
            dialLater()
            return used
        }
        if framing.isGreeted { pause = TransportLimits.feedReconnectFirst }
        return used
    }

    func streamDrained() {}

    func streamClosed(_ error: TransportError) {
        stream?.close()
        stream = nil
        dialLater()
    }
}
