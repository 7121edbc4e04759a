import ClusterModel
import EventLoop
import Transport

/// What routers believe of workers' caches, whatever becomes of the events that tell them.
enum EventDrills {
    static let all = [LossyEvents.drill, DeafRouters.drill, DamagedPages.drill]

    /// From now until every router believes of every worker what that has; nil if that does not come about in time.
    static func untilTrue(_ stage: VirtualStage, within limit: Duration) -> Duration? {
        let cluster = stage.cluster, began = cluster.world.now
        while !errors(cluster).isEmpty || !cluster.missing.isEmpty {
            guard began.duration(to: cluster.world.now) < limit else { return nil }
            cluster.pass(step)
        }
        return began.duration(to: cluster.world.now)
    }

    private static let step = Duration.milliseconds(10)

    /// Where routers are wrong about workers.
    static func errors(_ cluster: VirtualCluster) -> [String] {
        let truths = cluster.members(.worker).compactMap(\.process.truth)
        return cluster.members(.router).flatMap { router in
            truths.flatMap { router.process.errors(about: $0) }.map { "\(router.name): \($0)" }
        }
    }

    /// What routers believe in that no worker has.
    static func phantoms(_ cluster: VirtualCluster) -> [String] {
        let truths = cluster.members(.worker).compactMap(\.process.truth)
        return cluster.members(.router).flatMap { router in
            truths.flatMap { router.process.phantoms(about: $0) }.map { "\(router.name): \($0)" }
        }
    }

    /// A sum over all living processes of a role.
    static func sum(_ name: String, _ role: ClusterRole, _ cluster: VirtualCluster) -> Int {
        cluster.members(role).reduce(0) { $0 + Int($1.process.metric(name) ?? 0) }
    }

    /// One of several conversations' beginnings, and an end of its own.
    static func request(_ number: Int, families: Int, tokens: Int, seed: UInt64) -> ChatRequest {
        let family = number % families
        let opening = String(repeating: "Family \(family) begins all of its prompts with the same words. ", count: 8)
        var request = ChatRequest(model: "apus-mock", prompt: opening + "Number \(number).", maxTokens: tokens)
        request.seed = Int64(number) &+ Int64(seed % 1_000)
        return request
    }
}
