import EventLoop
import TestSupport

/// The same on hosts of their own: whole machines are cut off, one way or both, or have a bad cable.
enum PartitionDrill {
    static let partition = Drill(
        "partition", proves: "T18",
        "hosts (network namespaces) are cut off from one another, one way or both, unplugged, or have a bad cable"
    ) { stage in
        for fault in faults(stage.settings) { try await play(stage, fault) }
    }

    /// One of each, and a second worker that is well.
    private enum Place: Int { case router, frontend, worker, otherWorker }

    private struct Fault: Sendable {
        let name: String
        let span: Duration
        let set: @LoopActor @Sendable (NetworkHosts, _ isOn: Bool) async throws -> Void
    }

    private static func faults(_ settings: DrillSettings) -> [Fault] {
        let pairs: [(String, Place, Place)] = [
            ("frontend and router", .frontend, .router), ("worker and router", .worker, .router),
            ("frontend and worker", .frontend, .worker),
        ]
        var faults: [Fault] = []
        var spans: [(String, Duration)] = [("1 s", .seconds(1)), ("10 s", .seconds(10))]
        if settings.size == .full { spans.append(("60 s", .seconds(60))) }
        for (words, span) in spans {
            for (pair, one, other) in pairs {
                for (way, there, back) in [("", true, true), (" there", true, false), (" back", false, true)] {
                    // Long ones, one way, say nothing that the others do not: they are for those who have the time.
                    guard words == "1 s" || there && back || settings.size == .full || settings.only != nil else { continue }
                    faults.append(
                        Fault(name: "parted\(way) \(words), \(pair)", span: settings.span(span)) { hosts, isOn in
                            let one = hosts.all[one.rawValue], other = hosts.all[other.rawValue]
                            if there { try await hosts.part(one, other, isOn) }
                            if back { try await hosts.part(other, one, isOn) }
                        })
                }
            }
        }
        let span = settings.span(.seconds(settings.size == .full ? 10 : 5))
        faults.append(
            Fault(name: "a worker unplugged", span: span) { hosts, isOn in try await hosts.unplug(hosts.all[Place.worker.rawValue], isOn) })
        let cables = [
            ["loss", "1%"], ["loss", "10%"], ["delay", "200ms", "50ms"], ["delay", "10ms", "reorder", "25%"], ["duplicate", "5%"],
        ]
        for words in cables {
            faults.append(
                Fault(name: "a worker's cable: \(words.joined(separator: " "))", span: span) { hosts, isOn in
                    try await hosts.disturb(hosts.all[Place.worker.rawValue], isOn ? words : nil)
                })
        }
        return faults
    }

    private static func play(_ stage: DrillStage, _ fault: Fault) async throws {
        var shape = ClusterShape()
        shape.routers = 0
        shape.workers = []
        shape.frontends = 0
        try await stage.play("partition", fault.name, shape, isMinor: !fault.name.hasPrefix("parted back 1 s")) { cluster, row in
            let hosts = try await NetworkHosts(4, on: cluster.loop)
            do { try await play(stage.settings, fault, hosts, cluster, &row) } catch {
                await hosts.close()
                throw error
            }
            await hosts.close()
        }
    }

    @LoopActor
    private static func play(
        _ settings: DrillSettings, _ fault: Fault, _ hosts: NetworkHosts, _ cluster: ProcessCluster, _ row: inout DrillRow
    ) async throws {
        // A kind of disturbance that this kernel does not have is not worth a cluster.
        try await fault.set(hosts, true)
        try await fault.set(hosts, false)
        // Hosts that are not this one must prove that they belong to the cluster.
        let folder = try SecretFile()
        defer { folder.remove() }
        let trust = ["--cluster-secret-file", folder.path]
        try await cluster.addRouter(trust, at: hosts.all[Place.router.rawValue])
        for place in [Place.worker, .otherWorker] {
            let address = hosts.all[place.rawValue].address
            try await cluster.addWorker(
                NetworkExercise.workerOptions + trust + ["--listen", "tcp://\(address):0", "--publish", "tcp://\(address):0"],
                at: hosts.all[place.rawValue])
        }
        let frontend = try await cluster.addFrontend(
            NetworkExercise.frontendOptions + trust, at: hosts.all[Place.frontend.rawValue])
        try await cluster.ready(frontend)
        let exercise = NetworkExercise(cluster, settings, span: fault.span, mayFail: false)
        try await exercise.run(&row) {
            try await fault.set(hosts, true)
        } lift: {
            try await fault.set(hosts, false)
        }
    }
}
