import EventLoop
import Transport

/// Two processes in virtual time.
final class SimulatedHarness: Harness, @unchecked Sendable {
    // Safety: one test at a time drives the world.
    let world: VirtualWorld
    let fabric: SimulatedFabric
    private let processes: [SimulatedProcess]

    init(seed: UInt64, names: (String, String) = ("127.0.0.1", "127.0.0.2"), marks: InboxMarks = .standard, plan: FaultPlan = FaultPlan()) {
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world, plan: plan)
        processes = [names.0, names.1].map { [world, fabric] name in
            let loop = world.makeLoop(name, marks: marks)
            return SimulatedProcess(world: world, virtual: loop, host: fabric.host(name, loop: loop))
        }
    }

    var isSimulated: Bool { true }
    var a: any TestProcess { processes[0] }
    var b: any TestProcess { processes[1] }
    var hostA: SimulatedHost { processes[0].host }
    var hostB: SimulatedHost { processes[1].host }
    var addressOfA: Address { Address(host: hostA.name, port: 0) }
    var addressOfB: Address { Address(host: hostB.name, port: 0) }
    func pass(_ span: Duration) async throws { world.run(for: span) }
    func close() async {}
}

final class SimulatedProcess: TestProcess, @unchecked Sendable {
    // Safety: one test at a time drives the world.
    private let world: VirtualWorld
    let virtual: VirtualLoop
    let host: SimulatedHost

    init(world: VirtualWorld, virtual: VirtualLoop, host: SimulatedHost) {
        self.world = world
        self.virtual = virtual
        self.host = host
    }

    var loop: Loop { virtual }
    var network: any Network { host }

    private final class Box<Value>: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var value: Value?
    }

    func run<Success: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> Success) async throws -> Success {
        let box = Box<Result<Success, any Error>>()
        virtual.spawn {
            do { box.value = .success(try await body()) } catch { box.value = .failure(error) }
        }
        world.run(for: .seconds(120)) { box.value != nil }
        guard let result = box.value else { throw TimedOut("a step of the test in two virtual minutes") }
        return try result.get()
    }

    func freeze() async { virtual.freeze() }
    func thaw() async { virtual.thaw() }
}
