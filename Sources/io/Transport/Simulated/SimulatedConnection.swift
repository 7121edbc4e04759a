import ClusterModel
import EventLoop

/// Both ends of a connection, and the two directions between them.
final class SimulatedConnection {
    let number: UInt64
    private let dialer: SimulatedStream
    private let listener: SimulatedStream
    private let fabric: SimulatedFabric
    private var isBroken = false

    init(number: UInt64, dialer: SimulatedStream, listener: SimulatedStream, fabric: SimulatedFabric) {
        self.number = number
        self.dialer = dialer
        self.listener = listener
        self.fabric = fabric
        let there = fabric.route(dialer.host.name, listener.host.name), back = fabric.route(listener.host.name, dialer.host.name)
        let forward = SimulatedPipe(from: dialer, to: listener, connection: self, route: there, reverse: back, fabric: fabric)
        let backward = SimulatedPipe(from: listener, to: dialer, connection: self, route: back, reverse: there, fabric: fabric)
        dialer.attach(self, incoming: backward, outgoing: forward)
        listener.attach(self, incoming: forward, outgoing: backward)
    }

    func joins(_ a: String, _ b: String) -> Bool {
        (dialer.host.name, listener.host.name) == (a, b) || (dialer.host.name, listener.host.name) == (b, a)
    }

    func isOf(_ host: SimulatedHost) -> Bool { dialer.host === host || listener.host === host }

    func isHeldByDialler(_ name: String) -> Bool { dialer.host.name == name && !dialer.isClosed }

    func isOf(_ name: String) -> Bool { dialer.host.name == name || listener.host.name == name }

    func arm(_ rule: SimulatedFabric.BreakRule) {
        let sender = dialer.host.name == rule.from ? dialer : listener
        sender.outgoing?.breakAt(rule.after, rule.style)
    }

    func disarm() { for stream in [dialer, listener] { stream.outgoing?.breakNoMore() } }

    /// What is under way is lost, and both ends hear of it a little later, each for itself.
    func breakNow(_ style: StreamBreak) {
        guard !isBroken else { return }
        isBroken = true
        for stream in [dialer, listener] {
            stream.outgoing?.sever()
            fabric.world.schedule(after: fabric.route(stream.host.name, stream.host.name).latency()) { stream.hear(style) }
        }
    }

    func processDied(_ host: SimulatedHost, _ how: ProcessDeath) {
        for stream in [dialer, listener] where stream.host === host { stream.processDied(how) }
    }

    func sideClosed() {
        if dialer.isClosed, listener.isClosed { fabric.ended(self) }
    }
}
