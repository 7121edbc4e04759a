import EventLoop
import Transport

/// Bounds of what a router has to do with other routers, and the reasons for them.
enum PeerLimits {
    /// As many as a frontend may be told of.
    static let routers = 16
    /// Bookings of one of them that no worker has accepted: what 4,096 frontends' open plans come to in half a second.
    static let leases = 64 << 10
    /// Frontends and sessions that one of them names; more are left out of what is remembered.
    static let frontends = 4_096
    /// A router answers a registration at once; one that does not is not well.
    static let registration = Duration.seconds(2)
    /// Recoveries of their streams at once, beside those of workers: a router that begins must not wait for a thousand workers to hear
    /// what the others have booked.
    static let recoveriesAtOnce = 4
    /// An address at which this router itself answered, or one that claims its id, is looked at again after this long: a name may come to mean
    /// another process.
    static let anotherLook = TransportLimits.redialRefused
}
