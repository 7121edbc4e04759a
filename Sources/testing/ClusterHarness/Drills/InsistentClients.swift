import ClusterModel
import EventLoop

/// Clients that ask again at once, and have no ear for advice: as many times as it takes, up to a bound.
final class InsistentClients {
    private struct Open {
        let asked: AskedRequest
        let again: Int
    }

    private let stage: VirtualStage
    private let again: Int
    private var open: [Open] = []
    private(set) var isStopping = false
    /// How often somebody asked again.
    private(set) var repeats = 0

    private static let lookInterval = Duration.milliseconds(1)

    init(_ stage: VirtualStage, again: Int) {
        self.stage = stage
        self.again = again
        look()
    }

    func ask(_ request: ChatRequest) { open.append(Open(asked: stage.ask(request), again: again)) }

    /// Whoever has an answer asks no more.
    func stop() { isStopping = true }
    var isOver: Bool { isStopping && open.isEmpty }

    private func look() {
        stage.cluster.world.schedule(after: Self.lookInterval) { [self] in
            var rest: [Open] = []
            for one in open {
                guard let reply = one.asked.reply else {
                    rest.append(one)
                    continue
                }
                guard !reply.isComplete, one.again > 0 else { continue }
                repeats += 1
                rest.append(Open(asked: stage.ask(one.asked.request), again: one.again - 1))
            }
            open = rest
            if !isOver { look() }
        }
    }
}
