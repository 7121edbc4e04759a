import ClusterModel

/// A cluster and those who use it, drawn from a seed: so many shapes that no list of options would cover them.
struct SimulatedScene: Sendable {
    var shape = ClusterShape()
    var users = 6
    var span = Duration.seconds(20)
    var mix = RequestMix()
    /// None: nobody needs a key.
    var tenants: [SimulatedTenant] = []
    var farWorker: FarWorker?

    /// Far from all frontends, and from nothing else: what it is told and what it says comes behind what other workers say of the same request.
    struct FarWorker: Sendable {
        let name: String
        let delay: Duration
    }

    static func drawn(seed: UInt64) -> SimulatedScene {
        var random = SeededRandom(seed: seed ^ 0x5CE7_E0F1_7A11), scene = SimulatedScene()
        // Few engines for many users: what waits in them and in routers comes to its limits.
        let isCrowded = random.below(3) == 0
        scene.shape = drawnShape(&random, isCrowded: isCrowded)
        scene.users = random.within(isCrowded ? 8...12 : 3...8)
        scene.span = .milliseconds(Int64(random.within(4_000...9_000)))
        scene.mix = RequestMix(of: scene.shape, &random)
        if random.below(3) == 0 { scene.admit(SimulatedTenant.drawn(&random)) }
        // Frontends that are full at times; never of the few that ask them at the end, when nothing may be refused.
        if random.below(4) == 0 { scene.shape.frontendOptions += ["--max-requests", "\(random.within(3...5))"] }
        // State that takes less room on its way than in memory.
        if scene.isSplit, random.below(3) == 0 { scene.shape.workerOptions += ["--kv-codec", "zstd"] }
        if scene.isSplit, random.flip() {
            scene.farWorker = FarWorker(
                name: "worker-\(random.within(1...scene.shape.workers.count))", delay: .milliseconds(Int64(random.within(20...150))))
        }
        return scene
    }

    private var isSplit: Bool { shape.workers.contains(.prefill) }

    /// Some of what they are given, as long as they live, whatever else is well.
    var enginesRefuse: Bool { shape.workerOptions.contains(Self.refusalOption) }

    /// That an engine runs at once, if the scene says so.
    static func sequences(of shape: ClusterShape) -> Int? {
        shape.workerOptions.firstIndex(of: sequencesOption).flatMap { Int(shape.workerOptions[$0 + 1]) }
    }

    /// The shape in one line, for whoever reads what failed.
    var words: String {
        let parts = [
            ("whole", shape.workers.count { $0 == .aggregated }), ("prefill", shape.workers.count { $0 == .prefill }),
            ("decode", shape.workers.count { $0 == .decode }),
        ]
        let options = shape.workerOptions + shape.routerOptions + shape.frontendOptions
        return "\(shape.routers) routers, \(shape.frontends) frontends, workers: "
            + parts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
            + "; \(users) users, \(tenants.count) tenants; " + options.joined(separator: " ")
            + (farWorker.map { "; \($0.name) is \($0.delay) away" } ?? "")
    }

    private mutating func admit(_ tenants: [SimulatedTenant]) {
        self.tenants = tenants
        let secret = ["--cluster-secret-file", SimulatedTenant.secretFile]
        shape.routerOptions += secret
        shape.workerOptions += secret
        shape.frontendOptions += secret + ["--tenants-file", SimulatedTenant.file]
    }

    // MARK: Shapes

    private static let mostFrontends = 3
    private static let refusalOption = "--fault-refuse", sequencesOption = "--max-sequences", stepOption = "--max-batched-tokens"

    private static func drawnShape(_ random: inout SeededRandom, isCrowded: Bool) -> ClusterShape {
        var shape = ClusterShape()
        if isCrowded {
            shape.workers = Array(repeating: .aggregated, count: random.within(1...2))
        } else if random.flip() {
            shape = SplitCluster.shape(
                random.one(of: SplitCluster.Path.allCases), prefill: random.within(1...3), decode: random.within(1...3))
            // Some that do both stand beside them.
            if random.below(3) == 0 { shape.workers.append(.aggregated) }
        } else {
            shape.workers = Array(repeating: .aggregated, count: random.below(4) == 0 ? random.within(5...8) : random.within(2...4))
        }
        shape.routers = random.one(of: [1, 1, 1, 2, 2, 2, 3, 4])
        shape.frontends = random.one(of: [1, 1, 2, 2, mostFrontends])
        shape.workerOptions += workerOptions(&random, isCrowded: isCrowded)
        shape.routerOptions += routerOptions(&random, of: shape)
        return shape
    }

    private static func workerOptions(_ random: inout SeededRandom, isCrowded: Bool) -> [String] {
        var options: [String] = []
        if !isCrowded, random.below(4) == 0 { options += ["--ranks", "\(random.within(2...3))"] }
        // Engines that are soon full: their queues are used. One of them still takes what all frontends ask at the end, each one at a time.
        if isCrowded || random.below(3) == 0 {
            options += [sequencesOption, "\(random.within(2...4))", "--max-waiting", "\(random.within(mostFrontends...5))"]
            // Routers take them for busy as soon as more waits than a small step computes.
            if random.flip() { options += [stepOption, "\(random.one(of: [16, 32, 64, 128]))"] }
        }
        // Too little cache for all: blocks are evicted, and requests preempted.
        if random.below(3) == 0 {
            options += ["--blocks", "\(random.within(90...140))", "--block-size", "16", "--context-length", "1024"]
        }
        if random.below(4) == 0 { options += [refusalOption, "0.03"] }
        if random.below(4) == 0 { options += ["--fault-slow-step", "0.01x8"] }
        if random.below(4) == 0 {
            options += ["--fault-event-loss", "0.01", "--fault-event-duplicate", "0.05", "--fault-event-reorder", "0.05"]
        }
        return options + RequestMix.workerOptions
    }

    private static func routerOptions(_ random: inout SeededRandom, of shape: ClusterShape) -> [String] {
        var options: [String] = []
        if !shape.workers.contains(.prefill) {
            options += [
                "--policy", random.one(of: ["kv", "kv", "kv", "lmetric", "latency", "least-loaded", "power-of-two", "round-robin"]),
            ]
        }
        // Queues that are full at times; never of what frontends ask at the end, of which one has its place at once.
        if shape.workerOptions.contains(stepOption) || random.below(3) == 0 {
            options += ["--queue-entries", "\(random.within((mostFrontends - 1)...4))", "--queue-time", "20s"]
            // Bounded in number alone: those may be long.
            if !shape.workers.contains(.prefill) { options += ["--queue-batches", "1000"] }
        }
        return options
    }
}
