import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// One end of one link: sends numbered messages and questions as long as it lasts, and judges what comes.
@LoopActor
final class ChaosEnd: LinkHandler {
    private let loop: Loop
    private weak var owner: (any ChaosOwner)?
    private(set) var link: Link?
    private var nextToSend: UInt64 = 1
    private var nextToReceive: UInt64 = 1
    private var timer: TimerHandle?
    private var hasEnded = false

    init(on loop: Loop, owner: any ChaosOwner) {
        self.loop = loop
        self.owner = owner
    }

    func attach(_ link: Link) {
        self.link = link
        owner?.tally.opened += 1
        act()
    }

    func goodbye() {
        loop.cancel(timer)
        link?.goodbye(.done)
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard let owner else { return }
        if hasEnded { owner.tally.violations.append("a message came after the end of its link") }
        if header.flags.contains(.question) {
            guard let question = try? Codec.decodeBody(FileQuestion.self, from: body) else {
                return owner.tally.violations.append("a question arrived damaged")
            }
            // Its offset comes back, so that the asker knows whose answer it has.
            let delay = Duration.milliseconds(Int64(loop.random.next() % 300))
            loop.schedule(after: delay) {
                link.answer(header, with: FileAnswer(digest: Digest(), offset: question.offset, totalBytes: 0, data: []))
            }
            return
        }
        guard let message = try? Codec.decodeBody(FileAnswer.self, from: body), message.offset == header.number else {
            return owner.tally.violations.append("a message arrived damaged")
        }
        if header.number != nextToReceive { owner.tally.violations.append("message \(header.number) came where \(nextToReceive) was due") }
        nextToReceive = header.number + 1
        owner.tally.received += 1
    }

    func link(_ link: Link, ended end: LinkEnd) {
        loop.cancel(timer)
        if hasEnded { owner?.tally.violations.append("a link ended twice") }
        hasEnded = true
        owner?.tally.ended += 1
        owner?.ended(self)
    }

    private func act() {
        guard let link, link.isOpen else { return }
        for _ in 0..<(1 + loop.random.next() % 8) where !link.isBackedUp {
            let size = Int(loop.random.next() % 3 == 0 ? loop.random.next() % 9_000 : loop.random.next() % 64)
            let message = FileAnswer(digest: Digest(), offset: nextToSend, totalBytes: 0, data: [UInt8](repeating: 7, count: size))
            link.send(message, number: nextToSend, compressed: loop.random.next() % 2 == 0)
            nextToSend += 1
        }
        if loop.random.next() % 3 == 0 { ask(link) }
        if loop.random.next() % 400 == 0 { return goodbye() }
        timer = loop.schedule(after: .milliseconds(Int64(1 + loop.random.next() % 150))) { [weak self] in self?.act() }
    }

    private func ask(_ link: Link) {
        guard let owner else { return }
        owner.tally.asked += 1
        let mark = loop.random.next(), limit = Duration.milliseconds(Int64(50 + loop.random.next() % 1_000))
        loop.spawn { [weak owner] in
            do throws(LinkFailure) {
                let answer = try await link.ask(
                    FileQuestion(digest: Digest(), name: "", offset: mark), answeredBy: FileAnswer.self, within: limit)
                if answer.offset != mark { owner?.tally.violations.append("an answer came to the wrong question") }
                owner?.tally.answered += 1
            } catch {
                if case .malformed = error { owner?.tally.violations.append("an answer arrived damaged") }
            }
            owner?.tally.settled += 1
        }
    }
}

@LoopActor
protocol ChaosOwner: AnyObject, Sendable {
    var tally: ChaosTally { get set }
    func ended(_ end: ChaosEnd)
}

enum ChaosPlaces {
    static let links = Address(host: "listener", port: 8100)
    static let feed = Address(host: "listener", port: 8101)

    @LoopActor
    static func endpoint(_ name: String, _ role: PeerRole, _ loop: Loop, _ network: any Network) -> LinkEndpoint {
        let identity = Identity(role: role, id: UInt64(role.rawValue), generation: loop.secureRandomUInt64(), name: name)
        var policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: "chaos"))
        // Two hosts that are not loopback to one another: the secret is part of the run.
        policy.secret = Array("the secret of a cluster that does not exist".utf8)
        policy.accepts = [.recovery: [.router]]
        return LinkEndpoint(loop: loop, network: network, policy: policy)
    }
}

/// The side that listens and publishes.
@LoopActor
final class ChaosListener: ChaosOwner {
    var tally = ChaosTally()
    private let loop: Loop
    private let endpoint: LinkEndpoint
    private let publisher: FeedPublisher
    private var ends: [ChaosEnd] = []
    private var timer: TimerHandle?

    init(on loop: Loop, network: any Network) {
        self.loop = loop
        endpoint = ChaosPlaces.endpoint("listener", .worker, loop, network)
        do throws(TransportError) {
            publisher = try FeedPublisher(on: ChaosPlaces.feed, kind: .workerEvents, generation: 42, loop: loop, network: network)
            try endpoint.listen(on: ChaosPlaces.links) { [weak self] link in
                guard let self else { return link.abort() }
                let end = ChaosEnd(on: loop, owner: self)
                link.handler = end
                ends.append(end)
                end.attach(link)
            }
        } catch { preconditionFailure("an empty simulated host has free ports: \(error)") }
        publish()
    }

    func ended(_ end: ChaosEnd) { ends.removeAll { $0 === end } }

    /// Beats go on.
    func stopPublishing() { loop.cancel(timer) }

    func stop() {
        endpoint.stopListening()
        publisher.close()
        for end in ends { end.goodbye() }
    }

    private func publish() {
        let count = 1 + Int(loop.random.next() % 5)
        publisher.publish(count: count) { body in
            var writer = WireWriter(), events = WorkerEvents()
            swap(&writer.bytes, &body)
            events.events = (0..<count).map { _ in .unknown(tag: 200, bytes: []) }
            do throws(WireError) { try events.layout(&writer) } catch { preconditionFailure("\(error)") }
            swap(&writer.bytes, &body)
        }
        tally.published += UInt64(count)
        timer = loop.schedule(after: .milliseconds(Int64(5 + loop.random.next() % 200))) { [weak self] in self?.publish() }
    }
}

/// The side that dials, again and again, and reads the feed.
@LoopActor
final class ChaosDialer: ChaosOwner, FeedReader {
    var tally = ChaosTally()
    private let loop: Loop
    private let endpoint: LinkEndpoint
    private var end: ChaosEnd?
    private var subscriber: FeedSubscriber?
    private var cursor = FeedCursor(generation: 42, next: 1)
    private var lastApplied: UInt64 = 0
    private var timer: TimerHandle?
    private var isStopped = false

    init(on loop: Loop, network: any Network) {
        self.loop = loop
        endpoint = ChaosPlaces.endpoint("dialer", .router, loop, network)
        do throws(TransportError) {
            subscriber = try FeedSubscriber(to: ChaosPlaces.feed, kind: .workerEvents, loop: loop, network: network, reader: self)
        } catch { preconditionFailure("a simulated subscriber can always be made: \(error)") }
        dial()
    }

    func ended(_ end: ChaosEnd) {
        self.end = nil
        redial()
    }

    func stop() {
        isStopped = true
        loop.cancel(timer)
        subscriber?.close()
        end?.goodbye()
    }

    private func dial() {
        let end = ChaosEnd(on: loop, owner: self)
        endpoint.dial(ChaosPlaces.links, kind: .recovery) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure: redial()
            case .success(let link):
                link.handler = end
                self.end = end
                end.attach(link)
                if isStopped { end.goodbye() }
            }
        }
    }

    private func redial() {
        guard !isStopped else { return }
        timer = loop.schedule(after: .milliseconds(Int64(10 + loop.random.next() % 300))) { [weak self] in self?.dial() }
    }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard let events = try? Codec.decodeBody(WorkerEvents.self, from: body).events else {
            return tally.violations.append("a batch arrived damaged")
        }
        switch cursor.batch(generation: header.origin, first: header.number, count: events.count) {
        case .apply(let skip): apply(header.number + UInt64(skip), through: header.number + UInt64(events.count) - 1)
        case .behind: break
        case .gap(let missing): recover(missing.lowerBound, resumeAt: header.number + UInt64(events.count))
        case .otherGeneration: tally.violations.append("a batch of a life that never was")
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        if case .gap(let missing) = cursor.beat(generation: generation, last: last) { recover(missing.lowerBound, resumeAt: last + 1) }
    }

    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}

    private func apply(_ first: UInt64, through last: UInt64) {
        if first != lastApplied + 1 { tally.violations.append("event \(first) was applied after \(lastApplied)") }
        lastApplied = last
        tally.applied += Int(last - first + 1)
        tally.next = cursor.next
    }

    /// Stands for a replay: what was missed is known to be missed, and is taken as read.
    private func recover(_ first: UInt64, resumeAt next: UInt64) {
        tally.gaps += 1
        if first != lastApplied + 1 { tally.violations.append("a gap from \(first) after \(lastApplied)") }
        cursor.restart(generation: 42, next: next)
        lastApplied = next - 1
        tally.next = next
    }
}
