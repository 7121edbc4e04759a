package import WireProtocol

/// Why what the other side of a pair said is not the protocol. Holds nothing that it said, and may be logged.
package enum EngineProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of a frame, in bytes: none, or beyond the limit.
    case frameLength(Int)
    case unknownFrame(UInt8)
    case unexpectedFrame(EngineFrameKind)
    case field(EngineFrameKind, WireError)
    case bytesBehind(EngineFrameKind)
    /// The greeting of a program that is no engine's process, or of another version.
    case version(UInt16)
    case notAnEngine
    /// What it means is impossible, though it is well written.
    case meaning(String)

    package var description: String {
        switch self {
        case .frameLength(let bytes): "a frame of \(bytes) bytes"
        case .unknownFrame(let kind): "a frame of the unknown kind \(kind)"
        case .unexpectedFrame(let kind): "a frame out of order: \(kind)"
        case .field(let kind, let error): "\(error), in a frame of the kind \(kind)"
        case .bytesBehind(let kind): "bytes behind the last field of a frame of the kind \(kind)"
        case .version(let version): "it speaks version \(version) of the protocol, and not \(EngineGreeting.version)"
        case .notAnEngine: "it does not greet as the process of an engine does"
        case .meaning(let what): what
        }
    }
}
