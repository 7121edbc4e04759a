import ClusterModel
import EventLoop

/// The network as one simulated process sees it. Its name is its host name in addresses.
package final class SimulatedHost: Network, @unchecked Sendable {
    // Safety: belongs to the thread of its world, like its loop.

    package let name: String
    let loop: VirtualLoop
    private let fabric: SimulatedFabric
    private var listeners: [SimulatedListener] = []
    private(set) var publishers: [SimulatedPublisher] = []
    private(set) var subscribers: [SimulatedSubscriber] = []
    private var nextPort: UInt16 = SimulatedHost.firstPort
    private(set) var death: ProcessDeath?

    /// Where the ports begin that the system chooses.
    private static let firstPort: UInt16 = 40_000

    init(_ name: String, loop: VirtualLoop, fabric: SimulatedFabric) {
        self.name = name
        self.loop = loop
        self.fabric = fabric
    }

    package var isDead: Bool { death != nil }

    /// Ends the process: its loop never runs again. What peers notice depends on how it died.
    package func kill(_ how: ProcessDeath) {
        guard death == nil else { return }
        death = how
        loop.kill()
        for connection in fabric.connections where connection.isOf(self) { connection.processDied(self, how) }
        for listener in listeners { listener.died() }
        listeners = []
        for publisher in publishers { publisher.processDied(how) }
        publishers = []
        for subscriber in subscribers { subscriber.died() }
        subscribers = []
    }

    // MARK: Network

    package func listen(
        on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) -> any StreamListener {
        let listener = SimulatedListener(on: try bind(address, "listening on"), host: self, fabric: fabric, accept)
        listeners.append(listener)
        return listener
    }

    package func dial(
        _ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) {
        SimulatedDial(to: address, from: self, fabric: fabric, done).start(timeout)
    }

    package func publisher(on address: Address) throws(TransportError) -> any PublishingSocket {
        let publisher = SimulatedPublisher(on: try bind(address, "publishing on"), host: self, fabric: fabric)
        publishers.append(publisher)
        return publisher
    }

    package func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket {
        let subscriber = SimulatedSubscriber(to: address, host: self, fabric: fabric, received)
        subscribers.append(subscriber)
        subscriber.connect()
        return subscriber
    }

    // MARK: Ports

    private func bind(_ address: Address, _ what: String) throws(TransportError) -> Address {
        let here = [name, "0.0.0.0", "::"].contains(address.host) || address.isLoopback
        guard here else { throw TransportError(.invalidAddress, "\(what) \(address): not an address of this host") }
        var address = address
        if address.port == 0 { address.port = freePort() }
        guard !isTaken(address.port) else { throw TransportError(.addressInUse, "\(what) \(address): address in use") }
        return address
    }

    func freePort() -> UInt16 {
        repeat { nextPort = nextPort == .max ? Self.firstPort : nextPort + 1 } while isTaken(nextPort)
        return nextPort
    }

    private func isTaken(_ port: UInt16) -> Bool {
        listeners.contains { $0.address.port == port } || publishers.contains { $0.address.port == port }
    }

    func listener(at port: UInt16) -> SimulatedListener? { listeners.first { $0.address.port == port } }
    func publisher(at port: UInt16) -> SimulatedPublisher? { publishers.first { $0.address.port == port } }
    func closed(_ listener: SimulatedListener) { listeners.removeAll { $0 === listener } }
    func closed(_ publisher: SimulatedPublisher) { publishers.removeAll { $0 === publisher } }
    func closed(_ subscriber: SimulatedSubscriber) { subscribers.removeAll { $0 === subscriber } }
}
