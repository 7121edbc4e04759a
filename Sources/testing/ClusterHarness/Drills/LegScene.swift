import ClusterModel
import WireProtocol
import WorkerService

/// Where the first attempts of a split cluster's requests are at this moment, by the books of its processes.
struct LegScene {
    private struct Place {
        let worker: WorkerID
        /// nil: its worker has not taken it.
        let leg: OpenLeg?
    }

    private var prefill: [RequestKey: Place] = [:]
    private var decode: [RequestKey: Place] = [:]

    init(_ cluster: VirtualCluster) {
        for frontend in cluster.members(.frontend) {
            for asked in frontend.process.asked?.legs ?? [] where asked.request.attempt == 1 {
                set(Place(worker: asked.worker, leg: nil), asked.request, asked.leg)
            }
        }
        for worker in cluster.members(.worker) {
            guard let id = worker.workerID else { continue }
            for leg in worker.process.legs.open where leg.request.attempt == 1 { set(Place(worker: id, leg: leg), leg.request, leg.leg) }
        }
    }

    private mutating func set(_ place: Place, _ request: RequestKey, _ leg: Leg) {
        switch leg {
        case .prefill: prefill[request] = place
        case .decode: decode[request] = place
        default: break
        }
    }

    /// The workers of the first request that is in that phase; nil: none is.
    ///
    /// A worker that is not known, or that the request has left, is nil.
    func workers(in phase: LegPhase) -> (prefill: WorkerID?, decode: WorkerID?)? {
        let requests = Set(prefill.keys).union(decode.keys).sorted { $0.counter < $1.counter }
        guard let found = requests.first(where: { isIn(phase, prefill[$0], decode[$0]) }) else { return nil }
        return (prefill[found]?.worker, decode[found]?.worker)
    }

    private func isIn(_ phase: LegPhase, _ prefill: Place?, _ decode: Place?) -> Bool {
        switch phase {
        case .asked: prefill != nil && prefill?.leg == nil && decode?.leg == nil
        case .accepted: prefill?.leg.map { !$0.hasStarted } ?? false
        case .prefill: prefill?.leg.map { $0.hasStarted && !$0.isPrefilled } ?? false
        case .handOver: decode != nil && !(decode?.leg?.hasStarted ?? false) && prefill.map { $0.leg?.isPrefilled ?? false } ?? true
        case .decode: decode?.leg?.hasOutput ?? false
        }
    }
}
