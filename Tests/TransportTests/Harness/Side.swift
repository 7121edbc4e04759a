import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// What a link told its handler.
@LoopActor
final class Recorder: LinkHandler {
    struct Message: Hashable {
        let kind: UInt16
        let number: UInt64
        let body: [UInt8]
    }

    var messages: [Message] = []
    var bytes = 0
    var ends: [LinkEnd] = []
    var endedAt: Instant?
    var drained = 0
    /// Large bodies are only counted.
    var keepsBodies = true
    var react: (@LoopActor (Link, MessageHeader, RawSpan) -> Void)?

    nonisolated init() {}

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        bytes += body.byteCount
        messages.append(Message(kind: header.rawKind, number: header.number, body: keepsBodies ? body.withUnsafeBytes { Array($0) } : []))
        react?(link, header, body)
    }

    func link(_ link: Link, ended: LinkEnd) {
        ends.append(ended)
        endedAt = link.loop.now
    }

    func linkDrained(_ link: Link) { drained += 1 }
}

/// The links of one process, as a service would hold them.
@LoopActor
final class Side {
    let endpoint: LinkEndpoint
    private let loop: Loop
    private(set) var address: Address?
    private(set) var links: [Link] = []
    private(set) var recorders: [Recorder] = []
    private(set) var rejections: [LinkEnd] = []
    private(set) var rejectedAt: [Instant] = []
    /// Applied to the recorder of each link that is accepted.
    var prepare: (@LoopActor (Link, Recorder) -> Void)?

    init(_ process: any TestProcess, _ policy: LinkPolicy) {
        loop = process.loop
        endpoint = LinkEndpoint(loop: process.loop, network: process.network, policy: policy)
    }

    @discardableResult
    func listen(on place: Address) throws(TransportError) -> Address {
        let bound = try endpoint.listen(
            on: place,
            accepted: { [weak self] link in
                guard let self else { return }
                let recorder = Recorder()
                prepare?(link, recorder)
                link.handler = recorder
                links.append(link)
                recorders.append(recorder)
            },
            rejected: { [weak self] end, _ in
                guard let self else { return }
                rejections.append(end)
                rejectedAt.append(loop.now)
            })
        address = bound
        return bound
    }

    func dial(_ address: Address, kind: LinkKind = .data, recorder: Recorder = Recorder()) async -> Result<Link, LinkEnd> {
        await endpoint.dial(address, kind: kind, handler: recorder)
    }
}

/// A link that is open, with both of its ends.
struct Pair: Sendable {
    let a: any TestProcess
    let b: any TestProcess
    let dialer: Side
    let listener: Side
    let address: Address
    let link: Link
    let heard: Recorder
    let peerLink: Link
    let peerHeard: Recorder
}

enum Policies {
    static func dialer(_ change: (inout LinkPolicy) -> Void = { _ in }) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: .frontend, id: 7, generation: 0xA1, name: "frontend-7"), cluster: ClusterValues(clusterID: "test"))
        change(&policy)
        return policy
    }

    static func listener(_ change: (inout LinkPolicy) -> Void = { _ in }) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: .worker, id: 9, generation: 0xB2, name: "worker-9"), cluster: ClusterValues(clusterID: "test"))
        policy.accepts = [.data: [.frontend], .kv: [.worker], .route: [.frontend]]
        change(&policy)
        return policy
    }
}

extension Harness {
    /// B listens, A dials, and both know the link.
    func open(
        kind: LinkKind = .data, dialer: LinkPolicy = Policies.dialer(), listener: LinkPolicy = Policies.listener(),
        prepare: (@LoopActor @Sendable (Link, Recorder) -> Void)? = nil
    ) async throws -> Pair {
        let a = a, b = b, place = addressOfB
        let there = try await b.run {
            let side = Side(b, listener)
            side.prepare = prepare
            try side.listen(on: place)
            return side
        }
        let address = try await b.run { there.address ?? place }
        let heard = Recorder()
        let (here, link) = try await a.run {
            let side = Side(a, dialer)
            return (side, try await side.dial(address, kind: kind, recorder: heard).get())
        }
        try await b.until("the listener has the link") { there.links.count == 1 }
        let (peerLink, peerHeard) = try await b.run { (there.links[0], there.recorders[0]) }
        return Pair(
            a: a, b: b, dialer: here, listener: there, address: address, link: link, heard: heard, peerLink: peerLink, peerHeard: peerHeard)
    }

    /// A listener on B, and what it hears of those whom it turns away.
    func listen(_ policy: LinkPolicy = Policies.listener()) async throws -> (side: Side, address: Address) {
        let b = b, place = addressOfB
        return try await b.run {
            let side = Side(b, policy)
            return (side, try side.listen(on: place))
        }
    }

    /// A dials as `policy` says, and is turned away: gives what the dialer was told.
    func dialRefused(_ address: Address, _ policy: LinkPolicy, kind: LinkKind = .data) async throws -> LinkEnd? {
        let a = a
        return try await a.run {
            switch await Side(a, policy).dial(address, kind: kind) {
            case .success(let link):
                link.abort()
                return nil
            case .failure(let end): return end
            }
        }
    }
}
