import ClusterModel
import EventLoop
import TestSupport
import Testing

/// Where a test of the socket contract runs: a loop with its sockets, both ends of each connection on it.
struct SocketGround: Sendable {
    let loop: Loop
    let sockets: any SocketSystem

    static let host = "127.0.0.1"

    /// Lets time pass until the condition holds; bounded, so that a failing test ends.
    @LoopActor func eventually(_ condition: @LoopActor () -> Bool) async -> Bool {
        for _ in 0..<5_000 {
            if condition() { return true }
            await loop.sleep(for: .milliseconds(1))
        }
        return condition()
    }

    /// A connection with both of its ends started.
    @LoopActor func pair() async throws -> (client: SocketEnd, server: SocketEnd, listener: any SocketListener) {
        let server = SocketEnd(), client = SocketEnd()
        let listener = try sockets.listen(host: Self.host, port: 0) { server.start($0) }
        client.connect(sockets, Self.host, listener.port)
        guard await eventually({ server.socket != nil && client.socket != nil }) else { throw SystemError("pairing", code: 0) }
        return (client, server, listener)
    }
}

/// The implementations of the contract.
enum SocketKind: CaseIterable, CustomTestStringConvertible {
    case kernel, simulated, simulatedTight

    var testDescription: String { "\(self)" }

    private final class Outcome: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var error: (any Error)?
        var isDone = false
    }

    func run(_ body: @escaping @LoopActor @Sendable (SocketGround) async throws -> Void) async throws {
        guard self != .kernel else {
            let thread = try LoopThread("sockets")
            try await thread.run { loop in try await body(SocketGround(loop: loop, sockets: EpollSockets(on: loop))) }
            return thread.stop()
        }
        for seed in 0..<5 as Range<UInt64> {
            let world = VirtualWorld(seed: seed), loop = world.makeLoop("host"), outcome = Outcome()
            var plan = VirtualSocketPlan()
            if self == .simulatedTight { plan.bufferBytes = 1_000 }
            let ground = SocketGround(loop: loop, sockets: VirtualSockets("host", loop: loop, on: VirtualSocketFabric(world, plan: plan)))
            loop.spawn {
                do { try await body(ground) } catch { outcome.error = error }
                outcome.isDone = true
            }
            let isDone = world.run(for: .seconds(3_600)) { outcome.isDone }
            if let error = outcome.error { throw error }
            if !isDone { throw SystemError("a test in a virtual hour", code: 0) }
        }
    }
}
