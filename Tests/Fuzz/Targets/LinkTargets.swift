import ClusterModel
@testable import Transport
import WireProtocol

extension FuzzTarget {
    /// A byte stream cut into SP messages: in one piece, and in pieces whose sizes the input chooses, it gives the same messages and the same end.
    static let framing = FuzzTarget(name: "framing", longest: 1024, allocation: 16) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        let whole = messages(of: stream, piece: max(stream.count, 1)), cut = messages(of: stream, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the stream reads differently")
    }

    private struct Framed: Equatable {
        var messages: [[UInt8]] = []
        var isRefused = false
    }

    private static func messages(of stream: UnsafeRawBufferPointer, piece: Int) -> Framed {
        var framing = SPFraming(), framed = Framed(), offset = 0, known = 0
        // A real buffer, filled step by step, so that reading past what has arrived is seen by the sanitizer.
        while known < stream.count {
            known = min(known + piece, stream.count)
            let arrived = UnsafeRawBufferPointer(rebasing: stream[..<known])
            do {
                while let place = try framing.next(in: arrived, from: &offset) {
                    demand(place.upperBound <= known && place.upperBound <= offset, "a message reaches past what has arrived")
                    framed.messages.append([UInt8](arrived[place]))
                }
            } catch {
                framed.isRefused = true
                return framed
            }
            demand(framing.wanted <= framing.maximum + SPFraming.lengthBytes, "more is wanted than a message may have")
        }
        return framed
    }

    /// The opening of a link, as both sides, against a peer that says anything: a message is `kind, length, body` of the input.
    static let handshake = FuzzTarget(name: "handshake", longest: 2048, allocation: 16) { bytes in
        guard let options = bytes.first else { return }
        var policy = LinkPolicy(
            identity: Identity(role: .router, id: 1, generation: 2, name: "fuzz"), cluster: ClusterValues(clusterID: "apus"))
        if options & 1 != 0 { policy.secret = Array("a secret of the cluster".utf8) }
        policy.accepts = [.control: [.worker], .route: [.frontend], .data: [.frontend, .tool]]
        let nonce = [UInt8](repeating: 7, count: Limits.nonceBytes)
        var machine =
            options & 2 == 0
            ? Handshake.listener(policy, demandsProof: options & 4 != 0, nonce: nonce)
            : Handshake.dialer(policy, kind: .control, demandsProof: options & 4 != 0, nonce: nonce).0
        var rest = bytes.dropFirst(), isOpen = false
        while rest.count >= 4 {
            let head = UnsafeRawBufferPointer(rebasing: rest.prefix(4))
            let kind = UInt16(head[0]) | UInt16(head[1]) << 8, length = min(Int(head[2]) | Int(head[3]) << 8, rest.count - 4)
            rest = rest.dropFirst(4)
            let body = UnsafeRawBufferPointer(rebasing: rest.prefix(length))
            rest = rest.dropFirst(length)
            let header = MessageHeader(rawKind: kind)
            switch machine.received(header, body: body.bytes, judge: { _ in nil }) {
            case .open(_, let terms):
                demand(!isOpen, "a link is opened twice")
                demand(options & 7 != 4, "a listener without a secret let in a peer that had to prove one")
                demand(terms.minor <= policy.newestMinor, "a minor beyond ours was agreed on")
                isOpen = true
            case .send: demand(!isOpen, "the opening goes on after the link is open")
            case .refuse, .refused, .giveUp: break
            }
        }
    }
}
