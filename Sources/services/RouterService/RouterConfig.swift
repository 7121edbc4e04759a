import ClusterModel
import ProcessKit
package import Scheduling
package import ServiceRuntime
package import Transport

/// What a router is told at its start.
package struct RouterConfig: Sendable {
    /// Where workers and frontends dial.
    package var listen = Address(host: "127.0.0.1", port: 8100)
    /// The feed of the router's state.
    package var publish = Address(host: "127.0.0.1", port: 8101)
    /// Past changes of its stream: a link that was lost for some seconds misses a few thousand leases of a kilobyte; past it a snapshot of the present
    /// costs less.
    package var ring = FeedRing.Bounds(bytes: 8 << 20)
    package var selection = SelectionSettings()
    /// For the records of the last decisions: some thousands of a small pool.
    package var decisionBytes = 8 << 20
    package var queue = QueueSettings()
    package var busy = BusyThresholds()
    package var index = IndexLimits()
    /// Where the other routers are dialled; this one's own address may be among them.
    package var peers: [Address] = []

    package init() {}
}

/// The router's own options.
package struct RouterOptions: Sendable {
    package let listen: OptionKey<String>
    package let publish: OptionKey<String>
    private let id: OptionKey<String?>
    private let routing: RoutingOptions
    private let queue: QueueOptions
    private let ring: RingOptions
    private let peers: PeerOptions

    package init(in table: inout OptionTable) {
        let defaults = RouterConfig()
        table.group("Links")
        listen = table.option(
            "listen", .address(.listener), default: defaults.listen.description, help: "Where workers and frontends dial this router.")
        publish = table.option(
            "publish", .address(.listener), default: defaults.publish.description, help: "Where this router publishes its state.")
        id = table.optional(
            "router-id", .text("ID", problem: Self.idProblem),
            help: "Sixteen hexadecimal digits that name this router over its lives; by default drawn anew.")
        peers = PeerOptions(in: &table)
        routing = RoutingOptions(in: &table)
        queue = QueueOptions(in: &table)
        table.group("Stream")
        ring = RingOptions(in: &table, default: defaults.ring)
    }

    package func config(_ resolved: ResolvedConfiguration) throws(Address.Invalid) -> RouterConfig {
        var config = RouterConfig()
        config.listen = try Address(parsing: resolved[listen])
        config.publish = try Address(parsing: resolved[publish])
        routing.apply(resolved, to: &config)
        queue.apply(resolved, to: &config)
        config.ring = ring.bounds(resolved)
        config.peers = try peers.addresses(resolved)
        return config
    }

    package func routerID(_ resolved: ResolvedConfiguration) -> UInt64? { resolved[id].flatMap { RouterID(text: $0)?.rawValue } }

    @Sendable private static func idProblem(_ text: String) -> ValueProblem? {
        RouterID(text: text) == nil ? ValueProblem("it is no id", remedy: "write sixteen hexadecimal digits") : nil
    }
}
