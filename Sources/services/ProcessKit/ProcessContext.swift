package import EventLoop
import ServiceRuntime
package import Telemetry
package import Transport
package import WireProtocol

/// What a service is built from: the loop it lives on, its ways to the outside, and who it is.
///
/// `ProcessMain` makes one for a real process and the simulation one for a virtual process; a service cannot tell which it got.
package struct ProcessContext: Sendable {
    package let loop: Loop
    /// Links and feeds to the other processes.
    package let network: any Network
    /// HTTP connections to clients and operators.
    package let sockets: any SocketSystem
    /// Work that would hold up the loop.
    package let pool: WorkPool
    package let log: Logger
    package let metrics: MetricsRegistry
    /// Who this process is on every link it opens or accepts, and what all of the cluster must share. A service copies it and adds whom it
    /// lets in.
    package let policy: LinkPolicy
    /// What peers dial instead of the address on which they met this process.
    package let advertisedHost: String?
    /// Off unless it was told of a collector.
    package let tracer: Tracer
    /// Those that this process shows to others.
    package let certificates = CertificateBook()

    package init(
        loop: Loop, network: any Network, sockets: any SocketSystem, pool: WorkPool, log: Logger, metrics: MetricsRegistry,
        policy: LinkPolicy, advertisedHost: String?, tracer: Tracer? = nil
    ) {
        self.loop = loop
        self.network = network
        self.sockets = sockets
        self.pool = pool
        self.log = log
        self.metrics = metrics
        self.policy = policy
        self.advertisedHost = advertisedHost
        self.tracer = tracer ?? Tracer(on: loop)
    }

    package var identity: Identity { policy.identity }

    /// What is said in a registration of a listener: an empty host tells the reader to take the one at which it met this process.
    package func advertised(_ address: Address) -> String {
        if let advertisedHost { return address.advertised(host: advertisedHost, port: address.port).description }
        // Everywhere, or loopback: only who reads it knows how it came here.
        return "\(address.scheme.rawValue)://:\(address.port)"
    }
}

extension Address {
    /// An address as a registration holds it, with the peer's own host filled in where it is left open. Nil if it is no address.
    package init?(advertised text: String, peer: Address?) {
        var text = text
        if let marker = text.place(of: "://:") {
            guard let peer else { return nil }
            let host = peer.host.contains(":") ? "[\(peer.host)]" : peer.host
            text.replaceSubrange(marker, with: "://\(host):")
        }
        do throws(Invalid) { try self.init(parsing: text) } catch { return nil }
    }
}
