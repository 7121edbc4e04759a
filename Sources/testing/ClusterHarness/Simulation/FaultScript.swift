import ClusterModel
import EventLoop
import Transport

/// What goes wrong in a run, drawn from its seed: which fault, where, for how long.
struct FaultScript {
    private var random: SeededRandom
    /// In order: what a failing seed did.
    private(set) var events: [FaultEvent] = []
    private var quiet = LinkFaults()
    private let calmness = Calmness()
    /// Of caches that are cleared: draws of their own, so that all other seeds are what they were without.
    private var clearing: SeededRandom
    private let clearsCaches: Bool

    /// Known to what goes on for a while, and is to go on no longer.
    private final class Calmness { var isCalm = false }

    /// Longest time that a fault lasts: longer than it takes to call a peer dead, so that both verdicts and their withdrawal happen.
    private static let longest = 4_000

    /// What stands in the tenants' file, where there is one; a cut or lost one changes nothing for those that run.
    var tenants: String?

    init(seed: UInt64) {
        random = SeededRandom(seed: seed ^ 0xFA_17_5C_81_97)
        clearing = SeededRandom(seed: seed ^ 0xC1_EA_25)
        clearsCaches = clearing.below(4) == 0
    }

    mutating func span() -> Duration { .milliseconds(Int64(random.next() % UInt64(Self.longest))) }

    /// How long until the next.
    mutating func pause() -> Duration { .milliseconds(Int64(50 + random.next() % 1_500)) }

    /// The network as it is while nothing special happens: delays and loss of feeds, different for each seed.
    mutating func network() -> LinkFaults {
        var faults = LinkFaults()
        faults.delay = .microseconds(Int64(50 + random.next() % 2_000))
        faults.jitter = .microseconds(Int64(random.next() % 5_000))
        faults.bytesPerSecond = random.next() % 3 == 0 ? 2_000_000 + Int(random.next() % 50_000_000) : nil
        faults.chunkBytes = 256 << Int(random.next() % 9)
        faults.bufferBytes = 16_384 << Int(random.next() % 5)
        quiet = faults
        faults.feedLoss = Double(random.next() % 4) / 100
        faults.feedDuplication = Double(random.next() % 6) / 100
        faults.feedReordering = Double(random.next() % 6) / 100
        return faults
    }

    mutating func strike(_ cluster: VirtualCluster) {
        if clearsCaches, clearing.below(4) == 0 { clearCache(in: cluster) }
        let member = cluster.members[Int(random.next() % UInt64(cluster.members.count))]
        let (a, b) = pair(cluster)
        switch random.next() % 24 {
        case 0...2: kill(member, in: cluster)
        case 3...5: freeze(member, in: cluster)
        case 6...7: partition(a, b, in: cluster)
        case 8: cut(a, b, in: cluster)
        case 9...11: breakNow(a, b, in: cluster)
        case 12: breakLater(a, b, in: cluster)
        case 13: breakClients(of: cluster)
        case 14...15: drain(member, in: cluster)
        case 16: renew(cluster)
        case 17: roll(cluster)
        case 18: changeTenants(cluster)
        default: cluster.points?.arm(&random, away: span())
        }
    }

    /// Ends everything that goes on; who is not there is started again.
    func calm(_ cluster: VirtualCluster) {
        calmness.isCalm = true
        if let tenants { cluster.files[SimulatedTenant.file] = tenants }
        let names = cluster.members.map(\.name)
        for (index, a) in names.enumerated() { for b in names[(index + 1)...] { cluster.fabric.heal(a, b) } }
        for member in cluster.members {
            member.thaw()
            // Whoever came back as another is again as it was, so that everybody finds the partners that it needs.
            if member.isAlive, !member.furtherArguments.isEmpty { member.kill() }
            member.furtherArguments = []
            if !member.isAlive { member.restart() }
        }
        cluster.points?.disarm()
        cluster.fabric.plan = FaultPlan(quiet)
        // A link over which little goes would reach its byte long after, when nothing is to go wrong any more.
        cluster.fabric.disarmBreaks()
    }

    // MARK: Faults

    private mutating func note(_ what: String, _ cluster: VirtualCluster) {
        events.append(FaultEvent(what, cluster))
    }

    /// Two hosts that may have something to say to each other.
    private mutating func pair(_ cluster: VirtualCluster) -> (String, String) {
        let names = cluster.members.map(\.name)
        let first = Int(random.next() % UInt64(names.count)), step = 1 + Int(random.next() % UInt64(names.count - 1))
        return (names[first], names[(first + step) % names.count])
    }

    private mutating func kill(_ member: VirtualMember, in cluster: VirtualCluster) {
        guard member.isAlive else { return }
        // Clients of a host that falls silent wait for their own patience, which proves nothing of ours.
        let isSilent = random.next() % 3 == 0 && member.role != .frontend
        let how = isSilent ? ProcessDeath.silent : .reset, away = span(), life = member.lives
        note("kill \(member.name), \(how), for \(away)", cluster)
        member.kill(how)
        cluster.world.schedule(after: away) { if member.lives == life { member.restart() } }
    }

    private mutating func drain(_ member: VirtualMember, in cluster: VirtualCluster) {
        guard member.isAlive else { return }
        note("drain \(member.name)", cluster)
        member.drain()
        Self.restart(member, afterLife: member.lives, in: cluster.world)
    }

    /// When it has drained, however long that takes, and unless somebody else did.
    private static func restart(_ member: VirtualMember, afterLife life: Int, in world: VirtualWorld) {
        world.schedule(after: .milliseconds(500)) {
            guard member.lives == life else { return }
            if member.isAlive { restart(member, afterLife: life, in: world) } else { member.restart() }
        }
    }

    /// A worker drains and comes back with another card: for a while its model has two pools.
    private mutating func renew(_ cluster: VirtualCluster) {
        let worker = random.one(of: cluster.members(.worker))
        guard worker.isAlive else { return }
        worker.furtherArguments = worker.furtherArguments.isEmpty ? ["--tool-format", "hermes"] : []
        note("drain \(worker.name), which comes back as \(worker.furtherArguments.isEmpty ? "it was" : "another")", cluster)
        worker.drain()
        Self.restart(worker, afterLife: worker.lives, in: cluster.world)
    }

    /// All of a role drain and come back, one after the other.
    private mutating func roll(_ cluster: VirtualCluster) {
        let role = random.one(of: ClusterRole.allCases)
        note("restart every \(role), one by one", cluster)
        Self.roll(cluster.members(role)[...], in: cluster.world, until: calmness)
    }

    private static func roll(_ members: ArraySlice<VirtualMember>, in world: VirtualWorld, until calmness: Calmness) {
        guard let member = members.first, !calmness.isCalm else { return }
        let life = member.lives
        if member.isAlive { member.drain() }
        restart(member, afterLife: life, in: world)
        goOn(members, afterLife: life, in: world, until: calmness, looks: 0)
    }

    private static let mostLooks = 50

    /// With those behind it, once it serves again; or when it does not for long, as somebody struck it.
    private static func goOn(
        _ members: ArraySlice<VirtualMember>, afterLife life: Int, in world: VirtualWorld, until calmness: Calmness, looks: Int
    ) {
        world.schedule(after: .milliseconds(200)) {
            guard let member = members.first else { return }
            let isBack = member.lives > life && member.canServe
            if isBack || looks > mostLooks { return roll(members.dropFirst(), in: world, until: calmness) }
            goOn(members, afterLife: life, in: world, until: calmness, looks: looks + 1)
        }
    }

    /// The file is cut short, as while it is written, or gone, or as it was.
    private mutating func changeTenants(_ cluster: VirtualCluster) {
        guard let tenants else { return }
        let text = random.one(of: [tenants, String(tenants.prefix(tenants.count / 2)), nil])
        cluster.files[SimulatedTenant.file] = text
        note("the tenants' file is \(text.map { $0 == tenants ? "as it was" : "cut" } ?? "gone")", cluster)
    }

    private mutating func clearCache(in cluster: VirtualCluster) {
        let worker = clearing.one(of: cluster.members(.worker))
        guard worker.isAlive, !worker.isFrozen else { return }
        note("clear the cache of \(worker.name)", cluster)
        worker.process.clearCache()
    }

    private mutating func freeze(_ member: VirtualMember, in cluster: VirtualCluster) {
        guard member.isAlive else { return }
        let away = span()
        note("freeze \(member.name) for \(away)", cluster)
        member.freeze()
        cluster.world.schedule(after: away) { member.thaw() }
    }

    private mutating func partition(_ a: String, _ b: String, in cluster: VirtualCluster) {
        let away = span()
        note("part \(a) from \(b) for \(away)", cluster)
        cluster.fabric.partition(a, b)
        cluster.world.schedule(after: away) { cluster.fabric.heal(a, b) }
    }

    private mutating func cut(_ a: String, _ b: String, in cluster: VirtualCluster) {
        let away = span()
        note("hold what \(a) sends to \(b) for \(away)", cluster)
        cluster.fabric.cut(from: a, to: b)
        cluster.world.schedule(after: away) { cluster.fabric.heal(from: a, to: b) }
    }

    private mutating func breakNow(_ a: String, _ b: String, in cluster: VirtualCluster) {
        let style = random.next() % 2 == 0 ? StreamBreak.reset : .closed
        note("break what joins \(a) and \(b), \(style)", cluster)
        cluster.fabric.breakStreams(between: a, and: b, style)
    }

    private mutating func breakLater(_ a: String, _ b: String, in cluster: VirtualCluster) {
        let bytes = Int(random.next() % 20_000), style = random.next() % 2 == 0 ? StreamBreak.reset : .closed
        note("break the stream from \(a) to \(b) after \(bytes) bytes, \(style)", cluster)
        cluster.fabric.breakStream(from: a, to: b, afterBytes: bytes, style)
    }

    /// Every connection of the clients with one frontend.
    private mutating func breakClients(of cluster: VirtualCluster) {
        let frontends = cluster.members(.frontend), frontend = frontends[Int(random.next() % UInt64(frontends.count))]
        note("break what joins clients and \(frontend.name)", cluster)
        frontend.disturb()
        cluster.socketFabric.breakConnections(between: VirtualCluster.clientHost, and: frontend.name)
    }
}
