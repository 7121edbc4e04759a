import ClusterModel
import EventLoop

/// The disk that all processes write their logs to is full. It is all that they write.
enum DiskCase {
    private static let settleLimit = Duration.seconds(10)

    @LoopActor
    static func play(_ stage: DrillStage) async throws {
        var shape = ClusterShape()
        (shape.routers, shape.workers, shape.frontends) = (0, [], 0)
        let seed = stage.settings.seed, requests = stage.settings.requests(200)
        try await stage.play("scarcity", "logs on a full disk", shape) { cluster, row in
            let disk = try await SmallDisk(on: cluster.loop)
            do { try await play(cluster, disk, requests, seed, &row) } catch {
                await disk.close()
                throw error
            }
            await disk.close()
        }
    }

    @LoopActor
    private static func play(
        _ cluster: ProcessCluster, _ disk: SmallDisk, _ requests: Int, _ seed: UInt64, _ row: inout DrillRow
    ) async throws {
        let logs = ClusterRole.allCases.map { LogFile(at: "\(disk.folder)/\($0)") }
        try await cluster.addRouter(through: .logging(to: logs[0]))
        try await cluster.addWorker(ScarcityDrill.workerOptions, through: .logging(to: logs[1]))
        let frontend = try await cluster.addFrontend(through: .logging(to: logs[2]))
        try await cluster.ready(frontend)
        try disk.fill()
        let written = logs.map(\.byteCount)
        let during = DrillClients(cluster), after = DrillClients(cluster)
        for number in 0..<requests { try during.ask(.drill(number, tokens: 8, seed: seed)) }
        try await during.end()
        during.judge(into: &row)
        let dropped = try await cluster.metric("apus_log_lines_dropped_total", of: frontend) ?? 0
        row.note("lines that the frontend could not write", Int(dropped))
        row.require(dropped > 0, "nothing was dropped: the disk was not full")
        disk.empty()
        for number in 0..<ScarcityDrill.newcomers { try after.ask(.drill(10_000 + number, tokens: 8, seed: seed)) }
        try await after.end()
        after.judge(into: &row)
        try await cluster.reach("logs are written again", within: settleLimit) { logs[2].byteCount > written[2] }
        try await cluster.settle(&row, after)
    }
}
