import ClusterModel
import EventLoop
import Glibc

/// A living process may have no descriptor more than it has: those who would join wait, and join when it may.
enum DescriptorCase {
    private static let toolLimit = Duration.seconds(5)
    private static let joinLimit = Duration.seconds(30)
    private static let mostDescriptors: Int32 = 65_536

    @LoopActor
    static func play(_ stage: DrillStage, _ role: ClusterRole) async throws {
        var shape = ClusterShape()
        shape.workerOptions = ScarcityDrill.workerOptions
        let seed = stage.settings.seed, streams = stage.settings.requests(ScarcityDrill.streams)
        try await stage.play("scarcity", "a \(role) gets no descriptor", shape) { cluster, row in
            try ProcessLauncher.requireLimiter()
            let victim = try member(role, of: cluster), frontend = cluster.frontends[0]
            let running = DrillClients(cluster), meanwhile = DrillClients(cluster, at: [frontend])
            for number in 0..<streams { try running.ask(.drill(number, tokens: ScarcityDrill.tokens(8), seed: seed)) }
            try await cluster.running(streams)
            let usual = try await limit(victim, to: nil, cluster)
            // Of a frontend these wait in the kernel; elsewhere they find it linked already.
            for number in 0..<ScarcityDrill.newcomers { try meanwhile.ask(.drill(1_000 + number, tokens: 8, seed: seed)) }
            let second = try await joining(role, cluster)
            let apart = DrillClients(cluster, at: [second])
            if role == .worker {
                // It reaches the other worker, and that is enough.
                try await cluster.ready(second)
                for number in 0..<ScarcityDrill.newcomers { try apart.ask(.drill(3_000 + number, tokens: 8, seed: seed)) }
                try await apart.end()
            }
            try await ScarcityDrill.watch(victim, stage, &row)
            if role != .frontend { try await meanwhile.end() }
            row.note("answered meanwhile", meanwhile.answered)
            try await limit(victim, to: usual, cluster)
            let given = cluster.loop.now
            try await meanwhile.end()
            try await cluster.reach("whoever came meanwhile is linked", within: joinLimit) { try await cluster.isWhole() }
            row.healed = given.duration(to: cluster.loop.now)
            let later = DrillClients(cluster, at: [second])
            for number in 0..<ScarcityDrill.newcomers { try later.ask(.drill(2_000 + number, tokens: 8, seed: seed)) }
            try await later.end()
            try await running.end()
            for clients in [meanwhile, apart, later, running] { clients.judge(into: &row) }
            try await cluster.settle(&row, running)
        }
    }

    @LoopActor
    private static func member(_ role: ClusterRole, of cluster: ProcessCluster) throws -> ClusterMember {
        guard let member = cluster.members.first(where: { $0.role == role }) else { throw Unmet("there is a \(role)") }
        return member
    }

    /// A second frontend, which dials the router and the workers; of a frontend everybody is linked already.
    @LoopActor
    private static func joining(_ role: ClusterRole, _ cluster: ProcessCluster) async throws -> ClusterMember {
        role == .frontend ? cluster.frontends[0] : try await cluster.addFrontend()
    }

    /// Sets how many descriptors the process may have, and gives what it might before; nil: none that it does not have.
    @discardableResult
    @LoopActor
    private static func limit(_ member: ClusterMember, to most: Int?, _ cluster: ProcessCluster) async throws -> Int {
        guard let process = member.process else { throw Unmet("\(member.name) runs") }
        let number = process.process
        // The kernel gives the lowest number that is free, and none from the limit on.
        let limit = most ?? Int((0..<mostDescriptors).first { access("/proc/\(number)/fd/\($0)", F_OK) != 0 } ?? mostDescriptors)
        let before = try await run(["--pid", "\(number)", "--nofile", "--output", "SOFT", "--noheadings"], on: cluster)
        _ = try await run(["--pid", "\(number)", "--nofile=\(limit):"], on: cluster)
        return Int(before.filter { $0 != " " }) ?? Int(mostDescriptors)
    }

    @LoopActor
    private static func run(_ words: [String], on cluster: ProcessCluster) async throws -> String {
        let child = try ChildProcess("prlimit", at: ProcessLauncher.limiter, words, on: cluster.loop)
        guard try await child.ended(within: toolLimit) == .exited(0) else {
            throw Unmet("prlimit \(words.joined(separator: " ")): \(child.lines.first ?? "no reason given")")
        }
        return child.outputLines.first ?? ""
    }
}
