import ClusterModel

/// A cluster and those who use it, drawn from a seed: so many shapes that no list of options would cover them.
struct SimulatedScene: Sendable {
    var shape = ClusterShape()
    var users = 6
    var span = Duration.seconds(20)
    var mix = RequestMix()
    /// None: nobody needs a key.
    var tenants: [SimulatedTenant] = []

    static func drawn(seed: UInt64) -> SimulatedScene {
        var random = SeededRandom(seed: seed ^ 0x5CE7_E0F1_7A11), scene = SimulatedScene()
        scene.shape = drawnShape(&random)
        scene.users = random.within(3...8)
        scene.span = .milliseconds(Int64(random.within(4_000...9_000)))
        scene.mix = RequestMix(of: scene.shape, &random)
        if random.below(3) == 0 { scene.admit(SimulatedTenant.drawn(&random)) }
        // Frontends that are full at times; never of the few that ask them at the end, when nothing may be refused.
        if random.below(4) == 0 { scene.shape.frontendOptions += ["--max-requests", "\(random.within(3...5))"] }
        return scene
    }

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
    }

    private mutating func admit(_ tenants: [SimulatedTenant]) {
        self.tenants = tenants
        let secret = ["--cluster-secret-file", SimulatedTenant.secretFile]
        shape.routerOptions += secret
        shape.workerOptions += secret
        shape.frontendOptions += secret + ["--tenants-file", SimulatedTenant.file]
    }

    // MARK: Shapes

    private static let refusalOption = "--fault-refuse", sequencesOption = "--max-sequences"

    private static func drawnShape(_ random: inout SeededRandom) -> ClusterShape {
        var shape = ClusterShape()
        switch random.below(3) {
        case 0:
            shape = SplitCluster.shape(
                random.one(of: SplitCluster.Path.allCases), prefill: random.within(1...3), decode: random.within(1...3))
            // Some that do both stand beside them.
            if random.below(3) == 0 { shape.workers.append(.aggregated) }
        default: shape.workers = Array(repeating: .aggregated, count: random.below(4) == 0 ? random.within(5...8) : random.within(2...4))
        }
        shape.routers = random.one(of: [1, 1, 1, 2, 2, 2, 3, 4])
        shape.frontends = random.one(of: [1, 1, 2, 2, 3])
        shape.workerOptions += workerOptions(&random)
        shape.routerOptions += routerOptions(&random, isSplit: shape.workers.contains(.prefill))
        return shape
    }

    private static func workerOptions(_ random: inout SeededRandom) -> [String] {
        var options: [String] = []
        if random.below(4) == 0 { options += ["--ranks", "\(random.within(2...3))"] }
        // Engines that are soon full: their queues, and those of routers, are used.
        if random.below(3) == 0 {
            options += [sequencesOption, "\(random.within(2...6))", "--max-waiting", "\(random.within(2...12))"]
        }
        // Too little cache for all: blocks are evicted, and requests preempted.
        if random.below(3) == 0 {
            options += ["--blocks", "\(random.within(160...600))", "--block-size", "16", "--context-length", "2048"]
        }
        if random.below(4) == 0 { options += [refusalOption, "0.03"] }
        if random.below(4) == 0 { options += ["--fault-slow-step", "0.01x8"] }
        if random.below(4) == 0 {
            options += ["--fault-event-loss", "0.01", "--fault-event-duplicate", "0.05", "--fault-event-reorder", "0.05"]
        }
        return options + RequestMix.workerOptions
    }

    private static func routerOptions(_ random: inout SeededRandom, isSplit: Bool) -> [String] {
        var options: [String] = []
        if !isSplit {
            options += [
                "--policy", random.one(of: ["kv", "kv", "kv", "lmetric", "latency", "least-loaded", "power-of-two", "round-robin"]),
            ]
        }
        if random.below(3) == 0 { options += ["--queue-entries", "\(random.within(4...30))", "--queue-time", "20s"] }
        return options
    }
}
