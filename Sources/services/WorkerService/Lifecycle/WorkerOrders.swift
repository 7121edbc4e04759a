import ClusterModel
import Engines
import EventLoop
package import ProcessKit
import Telemetry
import WireProtocol

/// What an operator can tell a worker, on its admin listener.
extension WorkerService {
    package func takeOrders(on admin: AdminService) {
        // Out of service, and back: for maintenance of what the engine stands on.
        admin.order("/drain") { [weak self] order throws(AdminRefusal) in
            let (drain, limit) = try Self.ready(self, &order)
            try order.finish()
            try Self.obeyed { () throws(Drain.Refusal) in try drain.order(limit: limit) }
        }
        admin.order("/undrain") { [weak self] order throws(AdminRefusal) in
            let drain = try Self.drain(of: self)
            try order.finish()
            try Self.obeyed { () throws(Drain.Refusal) in try drain.undo() }
        }
        admin.order("/role") { [weak self] order throws(AdminRefusal) in
            let (drain, limit) = try Self.ready(self, &order)
            let role: RoleName = try order.word("role")
            try order.finish()
            try Self.obeyed { () throws(Drain.Refusal) in try drain.change(to: role.role, limit: limit) }
        }
        // One rank or all: what an engine's own cache reset does, and what a test of routing begins with.
        admin.order("/clear-cache") { [weak self] order throws(AdminRefusal) in
            guard let self, let core = self.core else { throw .conflict("the engine is not ready") }
            let rank = try order.integer("rank", in: 0...(core.profile.ranks.count - 1))
            try order.finish()
            guard core.profile.cacheReport != .noCache else { throw .conflict("this engine keeps no cache") }
            for each in rank.map({ [$0] }) ?? Array(core.profile.ranks.indices) { self.clearCache(ofRank: UInt32(each)) }
        }
    }

    package func clearCache(ofRank rank: UInt32) { core?.steps.submit(.clearCache(Rank(rank))) }

    private static func drain(of service: WorkerService?) throws(AdminRefusal) -> Drain {
        guard let drain = service?.drainControl else { throw .conflict("the worker has not started, or has stopped") }
        return drain
    }

    private static func ready(_ service: WorkerService?, _ order: inout AdminOrder) throws(AdminRefusal) -> (Drain, Duration) {
        let drain = try drain(of: service)
        let most = Int(WorkerLimits.longestDrain.inMilliseconds / 1_000)
        let seconds = try order.integer("limit_seconds", in: 0...most)
        return (drain, seconds.map { .seconds($0) } ?? service?.drainLimit ?? .zero)
    }

    private static func obeyed(_ carryOut: () throws(Drain.Refusal) -> Void) throws(AdminRefusal) {
        do throws(Drain.Refusal) { try carryOut() } catch { throw .conflict(error.reason) }
    }
}

/// A role as configuration and operators name it.
enum RoleName: String, CaseIterable, Sendable {
    case aggregated, prefill, decode

    var role: WorkerRole {
        switch self {
        case .aggregated: .aggregated
        case .prefill: .prefill
        case .decode: .decode
        }
    }
}
