import ClusterModel
package import EventLoop

/// The network between the processes of a `VirtualWorld`, with its faults. One for a world; each process has a `SimulatedHost` on it.
///
/// It keeps the contract of `Network`: streams never lose, repeat or reorder bytes whatever the plan says, they break, stall or fall
/// silent; feeds drop. Everything that happens follows from the seed of the world.
package final class SimulatedFabric: @unchecked Sendable {
    // Safety: a fabric and all on it belong to the one thread that runs their world.

    package let world: VirtualWorld
    /// May be changed at any time; what is already under way arrives as it would have.
    package var plan: FaultPlan
    private var generator: SeededRandom
    private var routes: [SimulatedRoute] = []
    private(set) var hosts: [SimulatedHost] = []
    private(set) var connections: [SimulatedConnection] = []
    private var breakRules: [BreakRule] = []
    private var connectionCount: UInt64 = 0

    struct BreakRule {
        let from: String
        let to: String
        let after: Int
        let style: StreamBreak
    }

    package init(world: VirtualWorld, plan: FaultPlan = FaultPlan()) {
        self.world = world
        self.plan = plan
        generator = world.random.split()
    }

    /// A process on the host of that name. A second one of the name replaces the first, which must be dead: a restart.
    package func host(_ name: String, loop: VirtualLoop) -> SimulatedHost {
        let host = SimulatedHost(name, loop: loop, fabric: self)
        if let index = hosts.firstIndex(where: { $0.name == name }) {
            precondition(hosts[index].isDead, "one process lives on a simulated host")
            hosts[index] = host
        } else {
            hosts.append(host)
        }
        return host
    }

    // MARK: Faults

    /// Holds all that travels from `from` to `to`, until `heal`: streams deliver late, dials time out, feeds drop the oldest.
    package func cut(from: String, to: String) { route(from, to).cut() }
    package func heal(from: String, to: String) { route(from, to).heal() }

    package func partition(_ a: String, _ b: String) {
        cut(from: a, to: b)
        cut(from: b, to: a)
    }

    package func heal(_ a: String, _ b: String) {
        heal(from: a, to: b)
        heal(from: b, to: a)
    }

    /// Breaks every open connection between two hosts, now.
    package func breakStreams(between a: String, and b: String, _ style: StreamBreak = .reset) {
        for connection in connections where connection.joins(a, b) { connection.breakNow(style) }
    }

    /// Breaks every open connection of a host, now.
    package func breakStreams(of host: String, _ style: StreamBreak = .reset) {
        for connection in connections where connection.isOf(host) { connection.breakNow(style) }
    }

    /// Breaks the newest open connection between two hosts, or the next one if none is open, when exactly `bytes` of all that was ever sent
    /// on it from `from` to `to` have been delivered.
    package func breakStream(from: String, to: String, afterBytes bytes: Int, _ style: StreamBreak = .reset) {
        let rule = BreakRule(from: from, to: to, after: bytes, style: style)
        if let connection = connections.last(where: { $0.joins(from, to) }) { connection.arm(rule) } else { breakRules.append(rule) }
    }

    /// What was to break behind some bytes that have not come yet stays whole.
    package func disarmBreaks() {
        breakRules.removeAll()
        for connection in connections { connection.disarm() }
    }

    /// Connections that are not over; 0 at rest.
    package var openConnections: Int { connections.count }
    package func openConnections(between a: String, and b: String) -> Int { connections.count { $0.joins(a, b) } }
    /// Those that the process of that name has dialled and not closed.
    package func openConnections(dialledBy name: String) -> Int { connections.count { $0.isHeldByDialler(name) } }

    // MARK: For hosts and streams

    func route(_ from: String, _ to: String) -> SimulatedRoute {
        if let route = routes.first(where: { $0.from == from && $0.to == to }) { return route }
        let route = SimulatedRoute(from: from, to: to, fabric: self)
        routes.append(route)
        return route
    }

    /// The host that an address reaches from `origin`: of that name, or the process itself for a name of loopback.
    func host(for address: Address, from origin: SimulatedHost) -> SimulatedHost? {
        hosts.first { $0.name == address.host } ?? (address.isLoopback ? origin : nil)
    }

    func connect(_ dialer: SimulatedStream, _ listener: SimulatedStream) -> SimulatedConnection {
        connectionCount += 1
        let connection = SimulatedConnection(number: connectionCount, dialer: dialer, listener: listener, fabric: self)
        connections.append(connection)
        if let index = breakRules.firstIndex(where: { connection.joins($0.from, $0.to) }) { connection.arm(breakRules.remove(at: index)) }
        return connection
    }

    func ended(_ connection: SimulatedConnection) { connections.removeAll { $0 === connection } }

    func random(below limit: Duration) -> Duration {
        let nanoseconds = limit.inNanoseconds
        return nanoseconds > 0 ? .nanoseconds(Int64(generator.next() % UInt64(nanoseconds))) : .zero
    }

    /// From 1 to `limit`.
    func random(upTo limit: Int) -> Int { 1 + Int(generator.next() % UInt64(limit)) }

    func happens(_ probability: Double) -> Bool {
        guard probability > 0 else { return false }
        return Double(generator.next() >> 11) * 0x1p-53 < probability
    }
}
