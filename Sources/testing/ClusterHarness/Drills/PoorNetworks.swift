import ClusterModel
import Transport

/// The network parts what belongs together, loses, delays, doubles and reorders, under load.
enum PoorNetworks {
    static let drill = VirtualDrill(
        "partition", proves: "T18",
        "frontends and routers, or routers and workers, are parted for up to a minute, one way or both; everything loses, dawdles, doubles",
        [healed]
    ) { stage in
        let faults = faults(stage)
        var options = SimulationRun.Options()
        options.users = stage.size == .whole ? 6 : 3
        options.shape.routers = stage.random.within(1...2)
        // Prefill and decode apart in every third run.
        if stage.random.below(3) == 0 {
            let routers = options.shape.routers
            options.shape = .split(seed: stage.seed, prefill: 2, decode: 2)
            options.shape.routers = routers
            options.shape.frontends = 2
        }
        let plan = faults.plan(options.shape)
        stage.describe("\(faults.words), from \(plan[0].at.inWords) on for \(plan[0].span.inWords), \(options.shape.workers.count) workers")
        options.plan = plan
        options.healing = healingLimit
        let run = SimulationRun.run(seed: stage.seed, options)
        stage.adopt(run)
        stage.measure(healed, run.healed)
    }

    /// A dial that waits for its turn waits for two seconds at the most.
    private static let healingLimit = Duration.seconds(3)
    /// From the last fault until every link stands and every stream is in step.
    private static let healed = DrillFigure("healed", atMost: healingLimit)

    /// A fault, and what it comes to in a cluster of some shape.
    private struct Faults {
        let words: String
        let plan: (ClusterShape) -> [PlannedFault]
    }

    private static func faults(_ stage: VirtualStage) -> Faults {
        let began = stage.random.span(.milliseconds(500), to: .seconds(3))
        return stage.random.below(3) == 0 ? poor(stage, from: began) : parted(stage, from: began)
    }

    // MARK: Parted

    private enum Way: String, CaseIterable { case both = "both ways", forth = "one way", back = "the other way" }

    private static func parted(_ stage: VirtualStage, from began: Duration) -> Faults {
        let spans: [Duration] = [.seconds(1), .seconds(10)] + (stage.size == .whole ? [.seconds(60)] : [])
        let span = stage.random.one(of: spans), way = stage.random.one(of: Way.allCases)
        // Of several, one suffers; or all do, and nobody can be asked.
        let all = stage.random.below(4) == 0, isOfFrontends = stage.random.flip()
        let words = "\(isOfFrontends ? "frontend" : "worker") and router parted, \(way.rawValue)\(all ? ", all of them" : "")"
        return Faults(words: words) { shape in
            let count = isOfFrontends ? shape.frontends : shape.workers.count
            return (1...(all ? count : 1)).map { number in
                let name = "\(isOfFrontends ? "frontend" : "worker")-\(number)"
                switch way {
                case .both: return PlannedFault(at: began, for: span, .partition("router-1", name))
                case .forth: return PlannedFault(at: began, for: span, .cut(from: "router-1", to: name))
                case .back: return PlannedFault(at: began, for: span, .cut(from: name, to: "router-1"))
                }
            }
        }
    }

    // MARK: Poor

    private static func poor(_ stage: VirtualStage, from began: Duration) -> Faults {
        let kinds: [(String, (inout LinkFaults) -> Void)] = [
            ("1 % lost", { ($0.streamLoss, $0.feedLoss) = (0.01, 0.01) }), ("10 % lost", { ($0.streamLoss, $0.feedLoss) = (0.1, 0.1) }),
            ("200 ms, give or take 50", { ($0.delay, $0.jitter) = (.milliseconds(150), .milliseconds(100)) }),
            ("feeds reordered", { $0.feedReordering = 0.25 }), ("feeds doubled", { $0.feedDuplication = 0.25 }),
        ]
        let (words, spoil) = stage.random.one(of: kinds)
        var faults = LinkFaults()
        spoil(&faults)
        let span = Duration.seconds(stage.size == .whole ? 15 : 6), spoilt = faults
        return Faults(words: words) { shape in
            let names = names(in: shape)
            return names.enumerated().flatMap { place, one in
                names.dropFirst(place + 1).map { PlannedFault(at: began, for: span, .spoil(one, $0, spoilt)) }
            }
        }
    }

    private static func names(in shape: ClusterShape) -> [String] {
        [("router", shape.routers), ("worker", shape.workers.count), ("frontend", shape.frontends)].flatMap { role, count in
            (1...count).map { "\(role)-\($0)" }
        }
    }
}
