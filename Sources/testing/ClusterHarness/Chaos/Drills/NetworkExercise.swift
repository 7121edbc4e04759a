import ClusterModel
import EventLoop
import JSONText

/// Users of a cluster whose network turns bad for a while and then is well: what they get, and how long until everybody is linked again.
@LoopActor
struct NetworkExercise {
    static let workerOptions = ["--mock-decode-step", "20ms", "--mock-prefill-token", "2us"]
    /// New requests wait for a router that is cut off, rather than fail: then every answer can be asked for.
    static let frontendOptions = ["--router-wait", "2min"]
    private static let users = 24
    private static let tokens = 60
    /// Streams run before something is broken.
    private static let warmUp = Duration.seconds(1)
    private static let healLimit = Duration.seconds(30)

    private let cluster: ProcessCluster
    private let settings: DrillSettings
    private let span: Duration
    private let mayFail: Bool

    init(_ cluster: ProcessCluster, _ settings: DrillSettings, span: Duration, mayFail: Bool) {
        self.cluster = cluster
        self.settings = settings
        self.span = span
        self.mayFail = mayFail
    }

    func run(
        _ row: inout DrillRow, fault: @LoopActor () async throws -> Void, lift: @LoopActor () async throws -> Void
    ) async throws {
        let clients = DrillClients(cluster), users = settings.requests(Self.users), seed = settings.seed, cluster = cluster
        try await cluster.reach("everybody is linked") { try await cluster.isWhole() }
        try clients.keepAsking(users) { .drill($0, tokens: Self.tokens, seed: seed) }
        await cluster.loop.sleep(for: Self.warmUp)
        let began = cluster.loop.now
        try await fault()
        await cluster.loop.sleep(for: span)
        try await lift()
        let lifted = cluster.loop.now, before = clients.answered
        try await cluster.reach("every link is back", within: Self.healLimit) { try await cluster.isWhole() }
        let healed = lifted.duration(to: cluster.loop.now)
        try await cluster.reach("streams end", within: Self.healLimit) { clients.answered > before + users }
        try await clients.end()
        clients.judge(into: &row, since: began, mayFail: mayFail)
        row.healed = healed
        row.moved = try await cluster.moved()
        try await cluster.settle(&row, clients)
    }
}

extension ProcessCluster {
    /// Everybody is linked with everybody, and believes it.
    func isWhole() async throws -> Bool {
        for frontend in frontends {
            let state = try await state(of: frontend)?["state"]
            let routers = state?["routers"]?.asArray ?? [], workers = state?["workers"]?.asArray ?? []
            guard !routers.isEmpty, routers.allSatisfy({ $0["usable"]?.asBool == true }), workers.count == self.workers.count,
                workers.allSatisfy({ $0["open"]?.asBool == true })
            else { return false }
        }
        for router in routers {
            let state = try await state(of: router)?["state"], workers = state?["workers"]?.asArray ?? []
            guard workers.count == self.workers.count, state?["frontends"]?.asArray?.count == frontends.count,
                workers.allSatisfy({ $0["attached"]?.asBool == true && $0["in_step"]?.asBool == true && $0["takes_work"]?.asBool == true })
            else { return false }
        }
        return true
    }
}
