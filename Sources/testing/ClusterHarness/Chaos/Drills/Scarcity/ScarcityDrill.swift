import ClusterModel
import EventLoop
import JSONText

/// What every process needs runs out: descriptors, disk, memory. Who cannot be served is told so, the others notice nothing, and when there is
/// enough again all is well without a restart.
enum ScarcityDrill {
    static let scarcity = Drill(
        "scarcity", proves: "T24", "a process runs out of descriptors, disk or memory: it says 503 with Retry-After, and recovers by itself"
    ) { stage in
        try await clients(stage)
        for role in ClusterRole.allCases { try await DescriptorCase.play(stage, role) }
        try await DiskCase.play(stage)
        try await MemoryCase.play(stage)
    }

    /// Streams that run all the while, and are not to notice.
    static let streams = 16
    /// Asked while something is short, and again when it is not.
    static let newcomers = 8
    /// How long it is short.
    static let span = Duration.seconds(3)
    static let workerOptions = ["--mock-decode-step", "40ms", "--mock-prefill-token", "2us"]
    /// Seconds of streams at that pace, so that they outlast a shortage.
    static func tokens(_ seconds: Double) -> Int { Int(seconds * 25) }

    /// What a loop that spins would use, all but a little; one that has nothing to do uses a few hundredths.
    private static let idleShare = 0.6

    /// Lets the shortage last, and asks that the process does not spend it spinning.
    @LoopActor
    static func watch(_ member: ClusterMember, _ stage: DrillStage, _ row: inout DrillRow) async throws {
        let before = member.usage?.cpuSeconds ?? 0, began = stage.loop.now
        await stage.loop.sleep(for: stage.settings.span(span))
        guard let usage = member.usage else { throw Unmet("\(member.name) lives while it has too little") }
        let share = (usage.cpuSeconds - before) / began.duration(to: stage.loop.now).inSeconds
        row.note("of a core, meanwhile", "\(Int(share * 100)) %")
        row.require(share < idleShare, "\(member.name) used \(Int(share * 100)) % of a core while it had too little")
    }

    // MARK: Descriptors that clients take

    private static let descriptors = 256
    private static let idle = 400
    private static let idleLimit = Duration.seconds(20)

    /// Clients take what there is: those who come then are told to come back.
    @LoopActor
    private static func clients(_ stage: DrillStage) async throws {
        var shape = ClusterShape()
        shape.frontends = 0
        shape.workerOptions = workerOptions
        let seed = stage.settings.seed, streams = stage.settings.requests(streams)
        try await stage.play("scarcity", "clients take all descriptors of a frontend", shape) { cluster, row in
            let frontend = try await cluster.addFrontend(["--header-limit", "2min"], through: try .descriptors(descriptors))
            try await cluster.ready(frontend)
            let running = DrillClients(cluster), turned = DrillClients(cluster), back = DrillClients(cluster)
            for number in 0..<streams { try running.ask(.drill(number, tokens: tokens(6), seed: seed)) }
            try await cluster.running(streams)
            let crowd = IdleConnections(on: cluster.loop, cluster.sockets)
            defer { crowd.close() }
            crowd.open(idle, at: try cluster.client(of: frontend).port)
            try await cluster.loop.until("every connection is let in or turned away", within: idleLimit) {
                crowd.dialling == 0 && crowd.standing + crowd.answers.count + crowd.broken == idle && crowd.standing < descriptors
            }
            try await watch(frontend, stage, &row)
            row.note("let in", crowd.standing)
            row.note("turned away", crowd.answers.count)
            let polite = crowd.answers.count { $0.status == 503 && $0["retry-after"] != nil }
            row.require(polite == crowd.answers.count && polite > 0, "\(polite) of \(crowd.answers.count) answers are 503 with Retry-After")
            row.require(crowd.broken == 0, "\(crowd.broken) connections ended without an answer")
            for number in 0..<newcomers { try turned.ask(.drill(1_000 + number, tokens: 8, seed: seed)) }
            try await turned.end()
            turned.judge(into: &row, mayFail: true)
            row.require(turned.unavailable == newcomers, "\(turned.unavailable) of \(newcomers) requests got 503 with Retry-After")
            crowd.close()
            try await cluster.reach("the clients are gone", within: idleLimit) {
                try await cluster.state(of: frontend)?["state"]?["connections"]?.asInt ?? idle <= streams
            }
            for number in 0..<newcomers { try back.ask(.drill(2_000 + number, tokens: 8, seed: seed)) }
            try await back.end()
            try await running.end()
            back.judge(into: &row)
            running.judge(into: &row)
            try await cluster.settle(&row, running)
        }
    }
}
