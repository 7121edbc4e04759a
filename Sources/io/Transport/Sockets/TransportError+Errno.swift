import Glibc

extension TransportError {
    /// The kernel's numbers as ours.
    init(errno code: Int32, _ what: String) {
        let known: Code
        switch code {
        case ECONNREFUSED: known = .refused
        case ETIMEDOUT: known = .timedOut
        case EPIPE, ESHUTDOWN, ENOTCONN: known = .closed
        case ECONNRESET, ECONNABORTED: known = .reset
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN: known = .unreachable
        case EADDRINUSE: known = .addressInUse
        case EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL: known = .invalidAddress
        case EMFILE, ENFILE: known = .outOfDescriptors
        case ENOMEM, ENOBUFS: known = .outOfMemory
        default: known = .other
        }
        self.init(known, "\(what): \(String(cString: strerror(code)))")
    }
}
