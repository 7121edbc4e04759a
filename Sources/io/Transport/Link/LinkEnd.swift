package import WireProtocol

/// How a link ended. Every link ends exactly once, and its handler is told exactly once, unless it was this side that aborted it.
package enum LinkEnd: Error, Hashable, Sendable {
    /// One side said Goodbye and the other acknowledged it.
    case goodbye(GoodbyeReason, byPeer: Bool)
    case refused(Refuse)
    case closedByPeer(TransportError)
    /// Nothing was heard for this long though the connection is open.
    case silent(Duration)
    /// The peer's kernel took no byte for too long.
    case writeStalled
    /// More waits for the peer than is allowed.
    case outboxFull
    case badFraming
    case badMessage(WireError)
    case handshakeTimeout
    case dialFailed(TransportError)
}

/// What came back for a question.
enum LinkAnswer: Sendable {
    case message(UInt16, [UInt8])
    case ended

    /// The answer that was asked for, or why there is none: the peer's Failure, or bytes that are neither.
    static func read<A: WireMessage>(_ rawKind: UInt16, _ body: [UInt8]) throws(LinkFailure) -> A {
        let failure: Failure
        do throws(WireError) {
            if rawKind == A.kind.rawValue { return try Codec.decodeBody(A.self, from: body.span.bytes) }
            guard rawKind == MessageKind.failure.rawValue else { throw WireError(.unexpectedKind, "kind") }
            failure = try Codec.decodeBody(Failure.self, from: body.span.bytes)
        } catch { throw .malformed(error) }
        throw .failed(failure)
    }
}

/// Why a question has no answer.
package enum LinkFailure: Error, Hashable, Sendable {
    case ended, timedOut
    case failed(Failure)
    case malformed(WireError)
}

extension LinkEnd: CustomStringConvertible {
    /// For a log line: codes, field names and our own words; nothing that a peer could forge into another line.
    package var description: String {
        switch self {
        case .goodbye(let reason, let byPeer): "goodbye (\(reason)) \(byPeer ? "from the peer" : "from this side")"
        case .refused(let refusal):
            "refused (\(refusal.code)\(refusal.field.isEmpty ? "" : ", field \(refusal.field.asLogText)")): \(refusal.reason.asLogText)"
        case .closedByPeer(let error): "closed, \(error)"
        case .silent(let span): "nothing heard for \(span.components.seconds) s"
        case .writeStalled: "the peer reads no more"
        case .outboxFull: "too much waits for the peer"
        case .badFraming: "the bytes are no SP messages of PAIR0"
        case .badMessage(let error): "bad message, \(error)"
        case .handshakeTimeout: "the opening took too long"
        case .dialFailed(let error): "not reached, \(error)"
        }
    }
}

extension String {
    /// A peer's words with everything but printable characters replaced.
    fileprivate var asLogText: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || ($0.value | 1) == 0x2029 ? "?" : $0 }))
    }
}
