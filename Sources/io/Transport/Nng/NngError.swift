internal import CNng

/// nng's numbers as ours. nng reports plain C integers, which Swift imports with another type than its constants.
enum Nng {
    static let closed = Int32(NNG_ECLOSED.rawValue)
    static let cancelled = Int32(NNG_ECANCELED.rawValue)
    static let timedOut = Int32(NNG_ETIMEDOUT.rawValue)

    static func error(_ status: Int32, _ what: String) -> TransportError {
        let code: TransportError.Code
        switch UInt32(bitPattern: status) {
        case NNG_ECONNREFUSED.rawValue: code = .refused
        case NNG_ETIMEDOUT.rawValue: code = .timedOut
        case NNG_ECLOSED.rawValue, NNG_ECONNSHUT.rawValue: code = .closed
        case NNG_ECONNRESET.rawValue, NNG_ECONNABORTED.rawValue: code = .reset
        case NNG_EUNREACHABLE.rawValue: code = .unreachable
        case NNG_EADDRINUSE.rawValue: code = .addressInUse
        case NNG_EADDRINVAL.rawValue: code = .invalidAddress
        case NNG_ECRYPTO.rawValue, NNG_EPEERAUTH.rawValue: code = .tlsFailed
        case NNG_ENOFILES.rawValue: code = .outOfDescriptors
        case NNG_ENOMEM.rawValue: code = .outOfMemory
        default: code = .other
        }
        // nng says no more of a peer's certificate than that it will not do.
        let doubt = code == .tlsFailed ? " (no certificate, one of another authority or that has ended, an older TLS, or no TLS)" : ""
        return TransportError(code, "\(what): \(String(cString: nng_strerror(status)))\(doubt)")
    }

    static func check(_ status: Int32, _ what: @autoclosure () -> String) throws(TransportError) {
        if status != 0 { throw error(status, what()) }
    }

    /// For options that exist on every object of their kind: failing is our mistake.
    static func must(_ status: Int32, _ what: StaticString) {
        precondition(status == 0, "\(what) failed with nng error \(status)")
    }

    static func address(_ raw: nng_sockaddr, scheme: Address.Scheme) -> Address? {
        switch UInt32(raw.s_family) {
        case UInt32(NNG_AF_INET.rawValue):
            let host = withUnsafeBytes(of: raw.s_in.sa_addr) { $0.map(String.init).joined(separator: ".") }
            return Address(scheme, host: host, port: UInt16(bigEndian: raw.s_in.sa_port))
        case UInt32(NNG_AF_INET6.rawValue):
            let groups = withUnsafeBytes(of: raw.s_in6.sa_addr) { bytes in
                (0..<8).map { String(UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]), radix: 16) }
            }
            let host = groups == ["0", "0", "0", "0", "0", "0", "0", "1"] ? "::1" : groups.joined(separator: ":")
            return Address(scheme, host: host, port: UInt16(bigEndian: raw.s_in6.sa_port))
        default: return nil
        }
    }
}
