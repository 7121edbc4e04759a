import ClusterModel
import EventLoop

/// Networks that part, forget and dawdle between processes that live: streams go on or move, nothing is done twice, and all is well soon after.
enum NetworkDrill {
    static let network = Drill(
        "network", proves: "T18",
        "the network between two roles parts, loses connections, stalls and delays, one way or both, through proxies"
    ) { stage in
        for fault in faults(stage.settings) {
            for path in FaultyNetwork.Path.allCases { try await play(stage, fault, path, .one) }
            guard fault.partsAll else { continue }
            for path in [FaultyNetwork.Path.routerWorker, .frontendWorker] { try await play(stage, fault, path, .all) }
        }
    }

    /// Whose ways to the workers are bad. With one of two, nobody notices; with both, errors of the agreed form may be all there is to give.
    private enum Extent: String { case one = "", all = ", both workers" }

    private struct Fault: Sendable {
        let name: String
        let conditions: PathConditions
        let span: Duration
        /// Every connection ends with a reset, at the start.
        var resets = false
        /// Played between nobody and any worker, too.
        var partsAll = false
    }

    private static func faults(_ settings: DrillSettings) -> [Fault] {
        var faults: [Fault] = []
        var spans: [(String, Duration)] = [("1 s", .seconds(1)), ("10 s", .seconds(10))]
        if settings.size == .full { spans.append(("60 s", .seconds(60))) }
        for (words, span) in spans {
            let span = settings.span(span)
            faults += [
                Fault(name: "parted \(words)", conditions: PathConditions(both: .held), span: span, partsAll: true)
            ]
            // Long ones, one way, say nothing that these do not: they are for those who have the time.
            guard words == "1 s" || settings.size == .full || settings.only != nil else { continue }
            faults += [
                Fault(name: "parted there \(words)", conditions: PathConditions(there: .held), span: span),
                Fault(name: "parted back \(words)", conditions: PathConditions(back: .held), span: span),
            ]
        }
        let span = settings.span(.seconds(settings.size == .full ? 10 : 5))
        return faults + [
            Fault(name: "half-open", conditions: PathConditions(both: .losing), span: settings.span(.seconds(3))),
            Fault(name: "reset", conditions: PathConditions(), span: settings.span(.seconds(1)), resets: true, partsAll: true),
            Fault(name: "1 % lost", conditions: PathConditions(both: .lossy(0.01)), span: span),
            Fault(name: "10 % lost", conditions: PathConditions(both: .lossy(0.1)), span: span),
            Fault(
                name: "200 ms ± 50",
                conditions: PathConditions(both: .slow(.milliseconds(150), jitter: .milliseconds(100))), span: span),
        ]
    }

    private static let inShort = ["parted 1 s", "half-open", "reset"]

    private static func play(_ stage: DrillStage, _ fault: Fault, _ path: FaultyNetwork.Path, _ extent: Extent) async throws {
        var shape = ClusterShape()
        shape.workers = []
        shape.frontends = 0
        let name = "\(fault.name), \(path.rawValue)\(extent.rawValue)"
        try await stage.play("network", name, shape, isMinor: !inShort.contains(fault.name) || extent == .all) { cluster, row in
            let network = FaultyNetwork(cluster), worker = extent == .one ? 0 : nil
            defer { network.close() }
            try await network.start(
                workers: 2, workerOptions: NetworkExercise.workerOptions, frontendOptions: NetworkExercise.frontendOptions)
            let exercise = NetworkExercise(cluster, stage.settings, span: fault.span, mayFail: extent == .all)
            try await exercise.run(&row) {
                network.set(fault.conditions, on: path, worker: worker)
                if fault.resets { network.reset(path, worker: worker) }
            } lift: {
                network.set(PathConditions(), on: path, worker: worker)
            }
        }
    }
}
