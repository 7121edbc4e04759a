package import EventLoop

/// Why a ZeroMQ peer cannot be talked to, or no longer.
package enum ZMTPError: Error, Hashable, Sendable, CustomStringConvertible {
    case connecting(SystemError)
    /// The peer speaks something else; as a rule the port is another service's.
    case notZMTP
    /// ZMTP before 3, of libraries older than 2013.
    case oldVersion(UInt8)
    /// The peer wants CURVE, PLAIN or another mechanism than NULL.
    case mechanism(String)
    /// The peer's socket is of a type that does not go with ours.
    case socketType(String)
    /// The peer's own words.
    case refused(String)
    case malformed(String)
    case tooLarge(limit: Int)
    case timedOut(String)
    /// The peer answers no heartbeat.
    case silent
    case ended

    package var description: String {
        switch self {
        case .connecting(let error): "\(error)"
        case .notZMTP: "the peer does not speak ZMTP; check that the port is that of the engine's events"
        case .oldVersion(let version): "the peer speaks ZMTP \(version), and 3 is needed"
        case .mechanism(let name): "the peer wants the mechanism \(name), and only NULL is spoken here"
        case .socketType(let name): "the peer's socket is \(name); check which of the engine's endpoints this is"
        case .refused(let reason): "the peer refused: \(reason)"
        case .malformed(let what): "the peer's bytes are malformed: \(what)"
        case .tooLarge(let limit): "the peer sends a message of more than \(limit) bytes"
        case .timedOut(let what): "\(what) took too long"
        case .silent: "the peer answers no heartbeat"
        case .ended: "the peer ended the connection"
        }
    }
}
