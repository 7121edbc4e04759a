import ClusterModel
package import EventLoop
package import WireProtocol

/// What a reader of a feed is told.
package protocol FeedReader: AnyObject, Sendable {
    /// A batch, and where it stands for the reader's cursor: the reader keeps its cursor and judges.
    @LoopActor func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan)
    @LoopActor func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64)
    /// Whether the publisher was heard within its time; told on each change.
    @LoopActor func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict)
}

/// Receives the feed of one process, checks each message, and watches its beat.
@LoopActor
package final class FeedSubscriber {
    private let loop: Loop
    private let network: any Network
    private let address: Address
    private var socket: (any SubscribingSocket)?
    private let kind: MessageKind
    private weak var reader: (any FeedReader)?
    private var liveness: Liveness
    private var verdict = Liveness.Verdict.alive
    private var timer: TimerHandle?
    /// While it is silent: when it is dialled anew.
    private var redialAt: Instant?
    /// Messages that were no messages of this feed; a publisher that sends them is broken or a stranger.
    package private(set) var malformed = 0
    /// Messages of kinds that a later version knows.
    package private(set) var unknownMessages = 0

    package init(to address: Address, kind: MessageKind, loop: Loop, network: any Network, reader: any FeedReader) throws(TransportError) {
        self.loop = loop
        self.network = network
        self.address = address
        self.kind = kind
        self.reader = reader
        liveness = Liveness(now: loop.now)
        socket = try network.subscriber(to: address) { [weak self] bytes in self?.received(bytes) }
        loop.observePauses(self) { [weak self] gap in
            guard let self else { return }
            liveness.paused(for: gap, until: self.loop.now)
        }
        watch()
    }

    package func close() {
        loop.cancel(timer)
        loop.stopObservingPauses(self)
        socket?.close()
        socket = nil
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard socket != nil else { return }
        let message = RawSpan(_unsafeBytes: bytes)
        do throws(WireError) {
            guard bytes.count <= Limits.feedMessageBytes else { throw WireError(.bodyTooLarge, "bodyLength") }
            let header = try MessageHeader(reading: message)
            // A feed is never compressed: it is small, and frequent.
            guard !header.flags.contains(.compressed) else { throw WireError(.badCompression, "flags") }
            liveness.heard(at: loop.now)
            judge()
            let body = message.extracting(droppingFirst: MessageHeader.byteCount)
            switch header.kind {
            case kind: reader?.feed(self, batch: header, body: body)
            case .beat: reader?.feed(self, beat: try Codec.decodeBody(Beat.self, from: body).lastSequence, generation: header.origin)
            case nil: unknownMessages += 1
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch {
            malformed += 1
        }
    }

    private func watch() {
        timer = loop.schedule(each: TransportLimits.beat) { [weak self] in
            self?.judge()
            self?.redialIfSilent()
            self?.watch()
        }
    }

    /// A connection may be gone without either side's system knowing of it: then the publisher is heard again only on another one.
    private func redialIfSilent() {
        guard verdict == .dead else { return redialAt = nil }
        let due = redialAt ?? loop.now
        guard due <= loop.now else { return }
        redialAt = loop.now + TransportLimits.feedRedial
        guard let fresh = try? network.subscriber(to: address, { [weak self] bytes in self?.received(bytes) }) else { return }
        socket?.close()
        socket = fresh
    }

    private func judge() {
        let now = liveness.verdict(at: loop.now)
        guard now != verdict else { return }
        verdict = now
        reader?.feed(self, became: now)
    }
}
