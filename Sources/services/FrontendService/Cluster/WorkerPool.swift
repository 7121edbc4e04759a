import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// Data links to every worker that a directory names, opened before anyone needs them.
@LoopActor
final class WorkerPool {
    private struct Life: Hashable {
        let worker: UInt64
        let generation: UInt64
    }

    private let context: ProcessContext
    private let endpoint: LinkEndpoint
    private var clients: [Life: WorkerClient] = [:]

    init(context: ProcessContext, endpoint: LinkEndpoint) {
        self.context = context
        self.endpoint = endpoint
    }

    func client(_ worker: UInt64, generation: UInt64) -> WorkerClient? { clients[Life(worker: worker, generation: generation)] }

    /// In order of their ids.
    var all: [WorkerClient] {
        clients.values.sorted { ($0.workerID, $0.generation) < ($1.workerID, $1.generation) }
    }

    // Order: a sum.
    var openRequests: Int { clients.values.reduce(0) { $0 + $1.openRequests } }

    /// Workers to which a plan would be of no use.
    var unreachable: [UInt64] { all.filter { !$0.isOpen }.map(\.workerID) }

    /// Follows the directory: new lives are dialled, lives that nobody names are let go once nothing runs there.
    ///
    /// A router's verdict stops new plans only: a stream ends by the verdict of its own link.
    func follow(_ workers: [WorkerEntry]) {
        var named: Set<Life> = []
        for entry in workers where entry.state != .stopped {
            let life = Life(worker: entry.workerID, generation: entry.generation)
            named.insert(life)
            guard clients[life] == nil else { continue }
            guard let address = Address(advertised: entry.endpoints.linkAddress, peer: nil) else {
                context.log.warning("worker without an address", ["worker": .hex(entry.workerID)])
                continue
            }
            let client = WorkerClient(entry, at: address, context: context, endpoint: endpoint)
            clients[life] = client
            client.start()
        }
        for client in all {
            let life = Life(worker: client.workerID, generation: client.generation)
            guard !named.contains(life), client.openRequests == 0 || !client.isOpen else { continue }
            client.stop(.done)
            clients[life] = nil
        }
    }

    func stop() {
        for client in all { client.stop(.leaving) }
        clients.removeAll()
    }
}
