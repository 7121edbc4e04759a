import ClusterModel
import EventLoop
import Telemetry
import Transport
import WireProtocol

/// The frontends with a route link here, by id.
@LoopActor
final class FrontendDirectory {
    private let publisher: StatePublisher
    private let metrics: RouterMetrics
    private(set) var all: [RouteHandler] = []

    init(publisher: StatePublisher, metrics: RouterMetrics) {
        self.publisher = publisher
        self.metrics = metrics
    }

    /// Whether that process may open a route link.
    func objection(to identity: Identity) -> Refuse? {
        if let known = session(of: identity) {
            guard known.identity.generation != identity.generation else { return nil }
            let place = known.link.remoteAddress.map { " at \($0)" } ?? ""
            return Refuse(
                .duplicateIdentity, retryable: true, field: "id",
                reason: "frontend \(FrontendID(identity.id)) lives\(place) as '\(known.identity.name)'; give each frontend its own id"
                    .cut(toBytes: Limits.reasonBytes))
        }
        // Requests are known by the generation of who asks: nobody speaks under another one's.
        guard !all.contains(where: { $0.identity.generation == identity.generation }) else {
            return Refuse(.duplicateIdentity, retryable: true, field: "generation", reason: "another process has this generation")
        }
        guard all.count < RouterLimits.frontends else {
            return Refuse(.busy, retryable: true, reason: "this router has no room for another frontend")
        }
        return nil
    }

    func opened(_ session: RouteHandler) {
        if let older = self.session(of: session.identity) {
            remove(older)
            older.link.goodbye(.replaced)
        }
        let key = Self.key(session.identity)
        all.insert(session, at: all.firstIndex { key < Self.key($0.identity) } ?? all.count)
        metrics.frontends.set(all.count)
    }

    /// Its leases stay: the workers say when they end.
    func remove(_ session: RouteHandler) {
        guard all.contains(where: { $0 === session }) else { return }
        all.removeAll { $0 === session }
        metrics.frontends.set(all.count)
        guard session.registration != nil else { return }
        session.registration = nil
        publisher.publish(
            .frontendGone(FrontendGone(frontendID: session.identity.id, generation: session.identity.generation)))
    }

    private func session(of identity: Identity) -> RouteHandler? {
        all.first { $0.identity.role == identity.role && $0.identity.id == identity.id }
    }

    private static func key(_ identity: Identity) -> (UInt64, UInt8) { (identity.id, identity.role.rawValue) }
}
