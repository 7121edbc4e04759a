import EventLoop
import ServiceRuntime
import Transport

/// What must hold in a cluster that nothing is asked of.
enum Invariants {
    /// Each process says what it holds that it should not; links are those that the roles need, and no more.
    static func atRest(_ cluster: VirtualCluster) -> [String] {
        cluster.members.flatMap { member in member.process.held.map { "\(member.name), at rest: \($0)" } }
            + cluster.missing.map { "at rest: \($0)" } + peerLinks(cluster)
    }

    /// Between two routers one link, whichever of them dialled it.
    private static func peerLinks(_ cluster: VirtualCluster) -> [String] {
        let routers = cluster.members(.router).map(\.name)
        return routers.enumerated().flatMap { place, a in
            routers.dropFirst(place + 1).compactMap { b in
                let links = cluster.fabric.openConnections(between: a, and: b)
                return links == 1 ? nil : "\(links) links join \(a) and \(b)"
            }
        }
    }

    /// Every process ended well and left nothing: no connection, no timer.
    static func afterTheEnd(_ cluster: VirtualCluster) -> [String] {
        var violations: [String] = []
        for member in cluster.members where member.process.exitCode != .ok {
            let code = member.process.exitCode.map { "\($0.rawValue)" } ?? "none"
            violations.append("\(member.name) ended with code \(code) at a drain with nothing to do")
        }
        let open = cluster.fabric.openConnections
        if open != 0 { violations.append("\(open) links are left") }
        let sockets = cluster.socketFabric.openSockets
        if sockets != 0 { violations.append("\(sockets) ends of client connections are left") }
        return violations
    }
}
