import ClusterModel
import WireProtocol

/// The opening of a link as it was recorded, but for proofs: those depend on what the other side draws.
struct PlayedOpening {
    struct Step {
        var says: [[UInt8]] = []
        var isOpen = false
        var problem: String?
    }

    /// Set when the Hello has come, of who listens.
    var conversation: RecordedConversation?
    /// Body of the Hello, and its nonce.
    private var hello: (body: [UInt8], nonce: [UInt8])?
    private var expectedProof: Digest?

    init(_ conversation: RecordedConversation? = nil) { self.conversation = conversation }

    /// What the dialer says first.
    mutating func begin() -> [UInt8]? {
        guard let said = recorded(.hello) else { return nil }
        note(hello: said.message)
        return said.message
    }

    mutating func heard(_ message: [UInt8], _ header: MessageHeader) -> Step {
        do throws(WireError) {
            switch header.kind {
            case .hello: return try answer(hello: message)
            case .challenge:
                guard let hello else { break }
                let challenge = try Codec.decode(Challenge.self, from: message.span.bytes)
                let proof = proof("apus dialer", hello, listener: challenge.nonce)
                return Step(says: recorded(.proof, Proof.self) { $0.proof = proof })
            case .proof:
                let proof = try Codec.decode(Proof.self, from: message.span.bytes)
                guard proof.proof == expectedProof else { return Step(problem: "its proof is wrong") }
                return Step(says: recorded(.welcome).map { [$0.message] } ?? [], isOpen: true)
            case .welcome: return Step(isOpen: true)
            default: break
            }
        } catch { return Step(problem: "\(header.kind.map { "\($0)" } ?? "something") of the opening does not decode: \(error)") }
        return Step(problem: "it answers the opening with \(header.kind.map { "\($0)" } ?? "kind \(header.rawKind)")")
    }

    private mutating func answer(hello message: [UInt8]) throws(WireError) -> Step {
        guard conversation != nil else { return Step(problem: "it opens a link that the recorded program did not") }
        note(hello: message)
        guard let hello, let nonce = recorded(.challenge)?.read(Challenge.self)?.nonce else { return Step(problem: "no challenge") }
        expectedProof = proof("apus dialer", hello, listener: nonce)
        let proof = proof("apus listener", hello, listener: nonce)
        return Step(says: recorded(.challenge, Challenge.self) { $0.proof = proof })
    }

    private mutating func note(hello message: [UInt8]) {
        guard let said = try? Codec.decode(Hello.self, from: message.span.bytes) else { return }
        hello = (Array(message.dropFirst(MessageHeader.byteCount)), said.nonce)
    }

    private func recorded(_ kind: MessageKind) -> RecordedConversation.Entry? { conversation?.entries.first { $0.kind == kind } }

    /// A recorded message with a change.
    private func recorded<M: WireMessage>(_ kind: MessageKind, _ type: M.Type, _ change: (inout M) -> Void) -> [[UInt8]] {
        guard var message = recorded(kind)?.read(type) else { return [] }
        change(&message)
        var bytes: [UInt8] = []
        Codec.append(message, to: &bytes)
        return [bytes]
    }

    /// As `proto-spec/02-negotiation.md#challenge-and-response` has it, and apart from the product's code.
    private func proof(_ label: String, _ hello: (body: [UInt8], nonce: [UInt8]), listener: [UInt8]) -> Digest {
        var transcript = Array(label.utf8) + [0] + hello.nonce + listener
        SHA256.digest(of: hello.body.span.bytes).append(to: &transcript)
        return HMAC.code(for: transcript, key: VirtualProcess.secret)
    }
}
