import ClusterModel
import EventLoop
import Scheduling
import Transport
import WireProtocol

/// Another router in one of its lives, as this one knows it.
///
/// It is known as long as a link to it is open or its stream is heard: a lost link alone says nothing of its leases.
@LoopActor
final class Peer {
    let life: RouterLife
    let name: String
    /// The one link that counts; see `PeerDirectory`.
    var session: PeerHandler?
    /// What it said of itself last.
    var state = ProcessState.starting
    var stream: PeerStream?

    init(_ identity: Identity) {
        life = RouterLife(router: RouterID(identity.id), generation: Generation(identity.generation))
        name = identity.name
    }

    /// Over which it may be asked for what its stream did not bring.
    var recoveryLink: Link? { session.flatMap { $0.isRegistered && $0.link.isOpen ? $0.link : nil } }
    var isLinked: Bool { session?.link.isOpen ?? false }
}
