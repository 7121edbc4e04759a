import ClusterModel
import EventLoop
import JSONText

/// What drills ask of a living cluster.
extension ProcessCluster {
    /// Until a state is reached that only takes time.
    private static let stateWait = Duration.seconds(30)
    private static let lookInterval = Duration.milliseconds(10)

    /// Waits until so many streams run in the workers, and none waits.
    func running(_ streams: Int) async throws {
        try await reach("\(streams) requests run") {
            var running = 0
            for worker in self.workers where worker.isRunning {
                let state = try await self.state(of: worker)
                for rank in state?["state"]?["ranks"]?.asArray ?? [] { running += rank["running_requests"]?.asInt ?? 0 }
            }
            return running >= streams
        }
    }

    func reach(_ what: String, within limit: Duration = stateWait, _ holds: @LoopActor () async throws -> Bool) async throws {
        let deadline = loop.now + limit
        while try await holds() == false {
            guard loop.now < deadline else { throw Unmet("\(what), within \(limit)") }
            await loop.sleep(for: Self.lookInterval)
        }
    }

    /// The worker with the most requests, and how many.
    func busiestWorker() async throws -> (ClusterMember, requests: Int) {
        var best: (ClusterMember, Int)?
        for worker in workers where worker.isRunning {
            let requests = try await state(of: worker)?["state"]?["requests"]?.asInt ?? 0
            if requests > best?.1 ?? -1 { best = (worker, requests) }
        }
        guard let best else { throw Unmet("a worker runs") }
        return best
    }

    /// As frontends and routers name it.
    func workerID(_ member: ClusterMember) async throws -> String {
        guard let id = try await state(of: member)?["id"]?.asString else { throw Unmet("\(member.name) says who it is") }
        return id
    }

    /// How long it takes until no frontend has a request at that worker; nil if that does not come.
    func abandons(_ worker: String, since fault: Instant) async throws -> Duration? {
        let deadline = loop.now + DrillClients.patience
        while loop.now < deadline {
            var requests = 0
            for frontend in frontends where frontend.isRunning {
                let state = try await state(of: frontend)
                for entry in state?["state"]?["workers"]?.asArray ?? [] where entry["id"]?.asString == worker {
                    requests += entry["requests"]?.asInt ?? 0
                }
            }
            if requests == 0 { return fault.duration(to: loop.now) }
            await loop.sleep(for: Self.lookInterval)
        }
        return nil
    }

    /// Attempts that were lost and followed by another one.
    func moved() async throws -> Int {
        var moved = 0.0
        for frontend in frontends where frontend.isRunning {
            moved += try await metric("dynamo_frontend_model_migration_total", of: frontend) ?? 0
        }
        return Int(moved)
    }

    /// The bound in seconds, of those that the frontend counts by, below which its loop's timers have always run.
    func lateness(of frontend: ClusterMember) async throws -> String? {
        let name = "dynamo_frontend_event_loop_delay_seconds", all = try await metric("\(name)_count", of: frontend)
        for line in await (try admin(of: frontend)).get("/metrics").text.split(separator: "\n") where line.hasPrefix("\(name)_bucket{") {
            guard let count = line.split(separator: " ").last.flatMap({ Double($0) }), count == all,
                let found = line.firstRange(of: "le=\""), let end = line[found.upperBound...].firstIndex(of: "\"")
            else { continue }
            return String(line[found.upperBound..<end])
        }
        return nil
    }

    /// What a counter says, summed over processes, by the value of one label: `3 link_ended, 1 stalled`.
    func counts(_ name: String, by label: String, of members: [ClusterMember]) async throws -> String {
        var counts: [String: Int] = [:]
        for member in members where member.isRunning {
            for line in await (try admin(of: member)).get("/metrics").text.split(separator: "\n") where line.hasPrefix(name + "{") {
                guard let found = line.firstRange(of: "\(label)=\""), let end = line[found.upperBound...].firstIndex(of: "\""),
                    let value = line.split(separator: " ").last.flatMap({ Double($0) }), value > 0
                else { continue }
                counts[String(line[found.upperBound..<end]), default: 0] += Int(value)
            }
        }
        return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    /// Why attempts failed, and what became of transfers of KV state.
    func noteFailures(in row: inout DrillRow) async throws {
        let attempts = try await counts("apus_frontend_attempts_failed_total", by: "reason", of: frontends)
        if !attempts.isEmpty { row.note("failed attempts", attempts) }
        let transfers = try await counts("apus_worker_kv_transfers_total", by: "outcome", of: workers)
        if !transfers.isEmpty { row.note("transfers, at both ends", transfers) }
        let moves = try await counts("apus_frontend_moves_total", by: "outcome", of: frontends)
        if !moves.isEmpty { row.note("moves", moves) }
    }

    /// The end of a case: nobody died but those who were meant to, it still serves, and nothing is held.
    func settle(_ row: inout DrillRow, _ clients: DrillClients, gone: [String] = []) async throws {
        try await noteFailures(in: &row)
        let probe = DrillClients(self)
        for number in 0..<frontends.count { try probe.ask(.drill(1_000_000 + number, tokens: 8)) }
        try await probe.end()
        var after = DrillRow(row.drill, row.name)
        probe.judge(into: &after)
        row.failures += after.failures.map { "a request after all that: \($0)" }
        let ended = loop.now, held = try await RestCheck.wait(self)
        if held.isEmpty { row.rested = ended.duration(to: loop.now) }
        row.held = held.count
        row.failures += held
        row.require(dead.sorted() == gone.sorted(), "these are gone: \(dead), and these were to be: \(gone)")
    }
}
