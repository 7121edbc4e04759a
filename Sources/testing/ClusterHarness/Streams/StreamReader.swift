import ClusterModel
package import EventLoop
package import StreamFollowing
package import Transport
import WireProtocol

/// One who follows the worker's stream: a process, its mirror, and an ear on what its feed brings.
package final class StreamReader: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package let name: String
    package let loop: VirtualLoop
    package let mirror: WorkerMirror
    package let follower: StreamFollower
    package let oracle: GapOracle
    private let gate: RecoveryGate
    /// Gaps that the follower counted and the oracle did not, while numbers ran backwards and neither could know.
    private var uncounted = 0

    package init(
        _ name: String, generation: UInt64, in world: VirtualWorld, _ fabric: SimulatedFabric, marks: InboxMarks = .standard
    ) {
        let loop = world.makeLoop(name, marks: marks), host = fabric.host(name, loop: loop)
        let oracle = GapOracle(generation: generation), gate = RecoveryGate()
        (mirror, follower) = loop.perform {
            let mirror = WorkerMirror()
            mirror.whenCompleted = { oracle.completed($0) }
            let endpoint = LinkEndpoint(
                loop: loop, network: host, policy: StreamWorker.policy(.router, id: loop.secureRandomUInt64(), generation: 1))
            do {
                let follower = try StreamFollower(
                    StreamSource(.workerEvents, publisher: StreamWorker.id, generation: generation, feed: StreamWorker.feed),
                    mirror: mirror, line: RecoveryLine(dialling: { StreamWorker.links }, endpoint: endpoint, loop: loop), gate: gate,
                    loop: loop, network: OverheardNetwork(host, oracle: oracle))
                return (mirror, follower)
            } catch { preconditionFailure("\(error)") }
        }
        self.name = name
        self.loop = loop
        self.oracle = oracle
        self.gate = gate
    }

    package var state: StreamState { loop.perform { follower.state } }
    package var position: UInt64 { loop.perform { follower.position } }
    package var picture: WorkerPicture { loop.perform { mirror.picture } }
    package var counters: FollowerCounters { loop.perform { follower.counters } }
    package var notices: [String] { loop.perform { mirror.notices } }

    /// The worker has another life; who knows that tells it.
    package func adopt(_ generation: UInt64) {
        loop.perform {
            oracle.generation = generation
            do { try follower.adopt(generation: generation) } catch { preconditionFailure("\(error)") }
        }
    }

    /// In step again behind numbers that ran backwards.
    package func forgiveGaps() {
        uncounted = Int(counters.gaps) - oracle.gaps
        oracle.forget()
        oracle.completed(position)
    }

    /// What does not hold of it whatever happened.
    package var violations: [String] {
        var words = loop.perform { mirror.violations }
        let gaps = Int(counters.gaps) - uncounted
        if gaps != oracle.gaps { words.append("\(gaps) gaps counted, \(oracle.gaps) met") }
        return words.map { "\(name): \($0)" }
    }

    /// What does not hold of it at rest.
    package var leftovers: [String] {
        let (held, load, bytes) = loop.perform { (follower.heldBytes, gate.load, gate.heldBytes) }
        return held == 0 && load == (0, 0) && bytes == 0 ? [] : ["\(name) holds \(held) bytes, \(load) recoveries"]
    }
}
