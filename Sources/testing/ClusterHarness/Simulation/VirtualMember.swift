package import ClusterModel
import EventLoop
package import Transport

/// A place in a simulated cluster, and the process that fills it now.
package final class VirtualMember: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package let role: ClusterRole
    package let name: String
    private let arguments: [String]
    /// Behind those of its beginning, in its next life.
    var furtherArguments: [String] = []
    /// Of a worker.
    package let workerID: WorkerID?
    /// Its sockets are open, and it does not run.
    package private(set) var isFrozen = false
    package private(set) var process: VirtualProcess
    /// What it speaks.
    package private(set) var version: ProgramVersion
    /// How many processes filled it.
    package private(set) var lives = 1
    private var movedBefore = 0
    /// When clients may have found it closed, or their connections broken; the last is open while it is not serving.
    package private(set) var disturbances: [Disturbance] = []
    private unowned let cluster: VirtualCluster

    package struct Disturbance: Sendable {
        package let from: Instant
        package fileprivate(set) var to: Instant?
        /// It lasts until another process serves in place of that one.
        fileprivate let ofLife: Int?
    }

    init(_ role: ClusterRole, _ name: String, _ arguments: [String], id: WorkerID? = nil, in cluster: VirtualCluster) throws {
        self.role = role
        self.name = name
        self.arguments = arguments
        workerID = id
        self.cluster = cluster
        version = cluster.versions[name] ?? .today
        process = VirtualProcess(name, try VirtualProgram(role, arguments: arguments, cluster.files), version, in: cluster)
        heedCrash()
    }

    private func heedCrash() { process.whenCrashed = { [unowned self] in disturb(ofLife: lives) } }

    /// Of the world.
    var now: Instant { cluster.world.now }
    package var isAlive: Bool { process.isAlive }
    package var isServing: Bool { process.isServing }
    /// It was told to end, and has not yet.
    var isDraining: Bool { isAlive && process.wasToldToEnd }
    /// Whether it could do its work now: a frontend has routers and a model.
    package var canServe: Bool { process.canServe }
    package var log: [String] { process.log.lines }
    /// Attempts that did not end a request, over all lives.
    package var attemptsMoved: Int { movedBefore + process.log.attemptsMoved }

    package func kill(_ how: ProcessDeath = .reset) {
        disturb(ofLife: lives)
        process.kill(how)
    }

    /// SIGTERM: it ends by itself, or not.
    package func drain() {
        disturb(ofLife: lives)
        process.drain()
    }

    /// A new process in place of one that has ended or was killed, perhaps of another version.
    package func restart(as version: ProgramVersion? = nil) {
        precondition(!isAlive, "\(name) lives")
        let program: VirtualProgram
        do { program = try VirtualProgram(role, arguments: arguments + furtherArguments, cluster.files) } catch {
            precondition(!cluster.files.isEmpty, "\(name) started once: \(error)")
            // A file of its options is not as it should be: whoever starts it tries again.
            return cluster.world.schedule(after: Self.nextStart) { [weak self] in if let self, !isAlive { restart(as: version) } }
        }
        if !process.host.isDead { process.kill(.reset) }
        lives += 1
        self.version = version ?? self.version
        isFrozen = false
        movedBefore += process.log.attemptsMoved
        process = VirtualProcess(name, program, self.version, in: cluster)
        heedCrash()
    }

    private static let nextStart = Duration.milliseconds(500)

    package func freeze() {
        isFrozen = isAlive
        process.loop.freeze()
    }

    package func thaw() {
        isFrozen = false
        process.loop.thaw()
    }

    /// From here on clients are excused, until `settled`.
    func disturb(ofLife life: Int? = nil) {
        disturbances.append(Disturbance(from: cluster.world.now, to: nil, ofLife: life))
    }

    /// It serves: what disturbed it is over, unless that is about to end this very process.
    func settled() {
        for index in disturbances.indices.reversed() where disturbances[index].to == nil && disturbances[index].ofLife != lives {
            disturbances[index].to = cluster.world.now
        }
    }

    /// Whether something happened to it between the two instants that explains a broken exchange.
    package func wasDisturbed(from: Instant, to: Instant) -> Bool {
        disturbances.contains { $0.from <= to && ($0.to ?? to) >= from }
    }
}
