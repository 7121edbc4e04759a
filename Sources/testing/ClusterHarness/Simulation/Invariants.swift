import EventLoop
import ServiceRuntime
import Transport
import WireProtocol

/// What must hold in a cluster that nothing is asked of.
enum Invariants {
    /// Each process says what it holds that it should not; links are those that the roles need, and no more.
    static func atRest(_ cluster: VirtualCluster) -> [String] {
        cluster.members.flatMap { member in member.process.held.map { "\(member.name), at rest: \($0)" } }
            + cluster.missing.map { "at rest: \($0)" } + peerLinks(cluster) + beliefs(cluster)
    }

    /// A moment behind the last request, while links between workers are there: idle ones are closed later, and take with them what they still hold.
    static func handOvers(_ cluster: VirtualCluster) -> [String] {
        cluster.members(.worker).flatMap { worker in
            let held = worker.process.handOvers
            return [("rooms", held.rooms), ("bytes of KV state", held.bytes)].filter { $0.1 != 0 }.map {
                "\(worker.name) holds \($0.1) \($0.0) for nobody"
            }
        }
    }

    /// Every router has of every worker what that has, and no session is at two workers.
    private static func beliefs(_ cluster: VirtualCluster) -> [String] {
        let truths = cluster.members(.worker).compactMap(\.process.truth)
        var violations = cluster.members(.router).flatMap { router in
            truths.flatMap { router.process.errors(about: $0) }.map { "\(router.name), at rest: \($0)" }
        }
        let sessions = truths.flatMap { truth in truth.sessions.map { ($0.key, truth.worker) } }
        for (place, one) in sessions.enumerated() {
            for other in sessions.dropFirst(place + 1) where other.0 == one.0 {
                violations.append("session \(one.0.id) is at \(one.1) and at \(other.1)")
            }
        }
        return violations
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
        for member in cluster.members where member.process.timersLeft != 0 {
            violations.append("\(member.name) ended with \(member.process.timersLeft) timers set")
        }
        for member in cluster.members where member.process.linksLeft != 0 {
            violations.append("\(member.name) ended with \(member.process.linksLeft) links open")
        }
        let open = cluster.fabric.openConnections
        if open != 0 { violations.append("\(open) links are left") }
        let sockets = cluster.socketFabric.openSockets
        if sockets != 0 { violations.append("\(sockets) ends of client connections are left") }
        return violations
    }
}
