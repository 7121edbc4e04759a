import ClusterModel
package import EventLoop
package import Transport
import WireProtocol

/// A peer that answers every kind of link from its own small state: what an independent implementation of the protocol is checked against.
///
/// Nothing it says is canned: hashes are computed, tokens follow from the prompt, chunks are summed and compared, files are served from
/// bytes. It is one process of every role at once, which no real process is.
@LoopActor
package final class Responder {
    /// Requests, rooms and files in memory at once; a checker needs few.
    package static let openRequests = 1_024

    package let endpoint: LinkEndpoint
    private let loop: Loop
    private let identity: Identity
    private let log: @LoopActor (String) -> Void
    private var links: [ObjectIdentifier: ResponderLink] = [:]
    private let modelFile: ResponderFile

    /// - Parameter log: a line for each link that opened or did not, and why.
    package init(loop: Loop, network: any Network, policy: LinkPolicy, log: @escaping @LoopActor (String) -> Void) {
        self.loop = loop
        self.log = log
        identity = policy.identity
        modelFile = ResponderFile()
        var policy = policy
        for kind in LinkKind.allCases { policy.accepts[kind] = Set(PeerRole.allCases) }
        endpoint = LinkEndpoint(loop: loop, network: network, policy: policy)
    }

    package func listen(on address: Address) throws(TransportError) -> Address {
        try endpoint.listen(on: address) { [weak self] link in
            guard let self else { return link.abort() }
            adopt(link)
        } rejected: { [log] end, remote in
            log("refused a link from \(remote?.description ?? "an unknown address"): \(end)")
        }
    }

    /// A link that was dialled from here is answered in the same way.
    package func adopt(_ link: Link) {
        log("\(link.kind) link open with \(link.peer.role) \(Hexadecimal.text(link.peer.id)), minor \(link.terms.minor)")
        let conversation = ResponderLink(link, loop: loop, identity: identity, file: modelFile) { [weak self] link, end in
            self?.links[ObjectIdentifier(link)] = nil
            self?.log("\(link.kind) link ended: \(end)")
        }
        links[ObjectIdentifier(link)] = conversation
        link.handler = conversation
    }

    package var openLinks: Int { links.count }

    package func close() {
        endpoint.stopListening()
        for link in links.values.map(\.link).sorted(by: { $0.peer.id < $1.peer.id }) { link.goodbye(.leaving) }
    }
}

/// The one model file that a responder has: three chunks, byte `i` is `31 i + 7` modulo 256, so that a checker knows its digest.
struct ResponderFile {
    let name = "tokenizer.json"
    let bytes: [UInt8]
    let digest: Digest

    init() {
        bytes = (0..<150_000).map { UInt8(truncatingIfNeeded: 31 * $0 + 7) }
        digest = SHA256.digest(of: bytes)
    }
}
