import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// One link to another router. Both sides ask and answer alike; only the one that dialled registers.
@LoopActor
final class PeerHandler: LinkHandler {
    let link: Link
    let peer: Peer
    private(set) var isRegistered = false
    private let core: RouterCore
    private let stream: StreamAnswers

    init(_ core: RouterCore, _ peer: Peer, _ link: Link) {
        self.core = core
        self.peer = peer
        self.link = link
        stream = StreamAnswers(core)
    }

    // MARK: Registration

    private var endpoints: Endpoints { core.endpoints }

    /// Of the side that dialled.
    func register() {
        let message = RegisterRouter(endpoints: endpoints, state: core.health.state, streamPosition: core.publisher.sequence)
        core.loop.spawn { [self] in
            do throws(LinkFailure) {
                let answer = try await link.ask(message, answeredBy: RouterRegistered.self, within: PeerLimits.registration)
                guard peer.session === self else { return }
                guard core.peers.registered(peer, answer.endpoints, answer.state) else {
                    return link.goodbye(.leaving, detail: "no feed")
                }
                isRegistered = true
            } catch {
                guard error != .ended else { return }
                core.log.warning(
                    "not registered with a router", ["router": .hex(peer.life.router.rawValue), "reason": .text("\(error)")])
                link.goodbye(.leaving, detail: "not registered")
            }
        }
    }

    private func register(_ message: RegisterRouter, _ header: MessageHeader) {
        guard core.peers.registered(peer, message.endpoints, message.state) else {
            return link.answer(
                header, with: Failure(.invalidArgument, field: "feedAddress", reason: "it is no address that could be dialled"))
        }
        isRegistered = true
        link.answer(
            header, with: RouterRegistered(endpoints: endpoints, state: core.health.state, streamPosition: core.publisher.sequence))
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        // Of a link that another one replaced nothing counts any more; its end is under way.
        guard peer.session === self else { return }
        do throws(WireError) {
            switch (header.kind, header.flags.contains(.question)) {
            case (.registerRouter, true) where !link.isDialer: register(try Codec.decodeBody(RegisterRouter.self, from: body), header)
            case (.replayQuestion, true) where isRegistered:
                stream.replay(try Codec.decodeBody(ReplayQuestion.self, from: body), header, on: link)
            case (.snapshotQuestion, true) where isRegistered:
                stream.page(try Codec.decodeBody(SnapshotQuestion.self, from: body), header, on: link)
            case (_, true): link.answer(header, with: Failure(.notAllowedHere, field: "kind", reason: "not now, and not from a router"))
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    func link(_ link: Link, ended: LinkEnd) { core.peers.ended(self, ended) }
}
