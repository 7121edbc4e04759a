import ClusterFollowing
import ClusterModel
import EventLoop
import Transport
import WireProtocol

extension ClusterPicture {
    /// What is to be warned of now, urgent things first; once a second is often enough.
    func warnings(beside own: [Warning], at now: Instant) -> [Warning] {
        var found = own + ofRouters(at: now) + ofWorkers(at: now) + ofTraffic() + ofFollowing(at: now)
        found.sort { ($0.name.isUrgent ? 0 : 1, $0.key) < ($1.name.isUrgent ? 0 : 1, $1.key) }
        return Array(found.prefix(DashboardLimits.warnings))
    }

    private func ofRouters(at now: Instant) -> [Warning] {
        var found: [Warning] = []
        guard !isJoining || !heardRouters.isEmpty else { return [] }
        if heardRouters.isEmpty { found.append(Warning(.noRouter, "", "no router is heard; what is shown of workers and queues is old")) }
        for router in cluster.routers where !router.isCurrent && !isJoining {
            found.append(Warning(.routerStale, router.address.description, router.problem ?? "its stream is out of step"))
        }
        for router in heardRouters {
            for queue in router.directory.queues.values.sorted(by: { $0.pool < $1.pool }) where queue.oldestMilliseconds > Self.longWait {
                found.append(
                    Warning(
                        .queueWaits, "\(queue.model) at \(router.address)",
                        "\(queue.requests) requests wait, the oldest for \(queue.oldestMilliseconds / 1_000) s"))
            }
        }
        return found
    }

    private func ofWorkers(at now: Instant) -> [Warning] {
        var found: [Warning] = [], cards: [String: Set<Digest>] = [:], seen: Set<UInt64> = [], ready = 0
        for router in heardRouters {
            for pool in router.directory.pools.values.sorted(by: { $0.card.digest < $1.card.digest }) where pool.readyWorkers > 0 {
                cards[pool.card.name, default: []].insert(pool.card.digest)
            }
            for worker in router.directory.workers.values.sorted(by: { $0.workerID < $1.workerID }) {
                guard seen.insert(worker.workerID).inserted else { continue }
                if worker.state == .ready || worker.state == .degraded { ready += 1 }
                found += of(worker, at: now)
            }
        }
        if !heardRouters.isEmpty, !isJoining, ready == 0 { found.append(Warning(.noReadyWorker, "", "no worker takes requests")) }
        for (model, digests) in cards.sorted(by: { $0.key < $1.key }) where digests.count > 1 {
            found.append(Warning(.splitModel, model, "its ready workers have \(digests.count) different cards"))
        }
        for worker in lost { found.append(Warning(.workersLost, worker.name, "it left in the last minute, and was not drained")) }
        return found
    }

    private func of(_ worker: WorkerEntry, at now: Instant) -> [Warning] {
        var found: [Warning] = []
        let name = worker.name.isEmpty ? Hexadecimal.text(worker.workerID) : worker.name
        if worker.state == .degraded { found.append(Warning(.workerSuspected, name, worker.reason)) }
        if worker.events == .loadOnly, worker.state == .ready || worker.state == .degraded {
            found.append(Warning(.cacheNotBelieved, name, worker.reason.isEmpty ? "it is routed by load alone" : worker.reason))
        }
        let life = FollowedLife(worker: worker.workerID, generation: worker.generation)
        if let since = resyncing[life], since.duration(to: now) >= Self.longRecovery {
            found.append(
                Warning(
                    .streamNotRecovered, name,
                    "a router has been making up its state for \(since.duration(to: now).inMilliseconds / 1_000) s"))
        }
        for rank in worker.ranks {
            guard let load = self.load(LoadPlace(worker: worker.workerID, rank: rank.rank))?.load, load.totalBlocks > 0,
                Double(load.activeBlocks) > Self.full * Double(load.totalBlocks)
            else { continue }
            found.append(
                Warning(.workerFull, "\(name)/\(rank.rank)", "requests hold \(load.activeBlocks) of its \(load.totalBlocks) KV blocks"))
        }
        return found
    }

    private func ofTraffic() -> [Warning] {
        var found: [Warning] = []
        if let share = traffic.failed.share, share > Self.failing {
            found.append(Warning(.requestsFail, "", "\(Self.percent(share)) of the last minute's requests failed"))
        }
        if let share = traffic.shed.share, share > Self.turningAway {
            found.append(Warning(.requestsTurnedAway, "", "\(Self.percent(share)) of the last minute's requests got 429 or 503"))
        }
        if let late = traffic.firstToken.percentile(0.99), late > Self.lateFirstToken {
            found.append(Warning(.firstTokenLate, "", "the slowest hundredth of first tokens takes \(Int(late / 1_000)) ms"))
        }
        if let late = traffic.betweenTokens.percentile(0.99), late > Self.lateToken {
            found.append(Warning(.tokensLate, "", "of the slowest hundredth of streams a token takes \(Int(late / 1_000)) ms"))
        }
        return found
    }

    private func ofFollowing(at now: Instant) -> [Warning] {
        var found: [Warning] = []
        if gapsLately > 0 { found.append(Warning(.eventGaps, "", "\(gapsLately) gaps in streams in the last minute; each is made up for")) }
        if book.dropped > 0 {
            found.append(
                Warning(
                    .requestsNotShown, "",
                    "more than \(DashboardLimits.openRequests) run at once; \(book.dropped) words on others were passed over"))
        }
        for (generation, frontend) in frontends.sorted(by: { $0.key < $1.key }) where frontend.state == .stopped {
            found.append(Warning(.frontendStopped, Hexadecimal.text(generation), "it says that it has stopped, and routers still name it"))
        }
        for what in notFollowed { found.append(Warning(.workerNotFollowed, "", what)) }
        return found
    }

    // As the alerts of these names have them, where there is one.
    private static let longWait: UInt32 = 10_000
    private static let longRecovery = Duration.seconds(30)
    private static let full = 0.95
    private static let failing = 0.001
    private static let turningAway = 0.05
    private static let lateFirstToken = 10_000_000.0
    private static let lateToken = 500_000.0

    private static func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }
}
