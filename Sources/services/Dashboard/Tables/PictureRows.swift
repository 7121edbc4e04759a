import ClusterFollowing
import ClusterModel
import EventLoop
import JSONText
import Transport
import WireProtocol

/// One row each, as JSON objects whose members are the columns.
@LoopActor
enum PictureRows {
    static func cluster(_ picture: ClusterPicture, _ teller: PictureBook.Teller, _ json: inout JSONWriter) {
        json.beginObject()
        json.text("frontend", teller.name)
        json.text("version", teller.version)
        json.text("generation", Hexadecimal.text(teller.generation))
        json.count("watchers", teller.watchers)
        json.count("routers", picture.cluster.routers.count)
        json.count("routers_heard", picture.heardRouters.count)
        json.count("workers_followed", picture.cluster.workerCount)
        json.count("frontends_followed", picture.cluster.frontendCount)
        json.count("open_requests", picture.book.openCount)
        json.count("requests_not_shown", picture.book.dropped)
        json.count("gaps_lately", picture.gapsLately)
        json.endObject()
    }

    static func router(_ router: FollowedRouter, _ json: inout JSONWriter) {
        let directory = router.directory, health = directory.health
        json.beginObject()
        json.text("address", router.address.description)
        json.text("id", router.link.map { Hexadecimal.text($0.peer.id) })
        json.text("name", router.link?.peer.name)
        json.flag("heard", router.isCurrent)
        json.text("problem", router.isCurrent ? nil : router.problem ?? "its stream is out of step")
        json.text("state", router.isCurrent ? "\(health.state)" : nil)
        json.text("reason", health.reason)
        json.count("workers", health.workers)
        json.count("resyncing", health.resyncing)
        json.count("leases", health.leases)
        json.count("indexed_blocks", health.indexedBlocks)
        json.count("queued", directory.parked)
        json.endObject()
    }

    static func worker(_ place: LoadPlace, of picture: ClusterPicture, _ json: inout JSONWriter) {
        let entry = picture.worker(place.worker), belief = picture.load(place), load = belief?.load, rates = picture.cacheRates[place]
        json.beginObject()
        json.text("worker", Hexadecimal.text(place.worker))
        json.count("rank", place.rank)
        json.text("name", entry?.name)
        json.text("model", entry?.model)
        json.text("pool", entry.map { String($0.pool.description.prefix(8)) })
        json.text("role", entry.map { "\($0.role)" })
        json.text("state", entry.map { "\($0.state)" })
        json.text("reason", entry?.reason)
        json.text("events", entry.map { "\($0.events)" })
        json.flag("resyncing", entry?.resyncing ?? false)
        json.text("engine", entry?.engineBuild)
        json.flag("stale", picture.heardRouters.isEmpty)
        json.count("running", load?.runningRequests)
        json.count("waiting", load?.waitingRequests)
        json.count("waiting_tokens", load?.waitingTokens)
        json.count("booked", belief?.requests)
        json.count("active_blocks", load?.activeBlocks)
        json.count("used_blocks", load?.usedBlocks)
        json.count("session_blocks", load?.sessionBlocks)
        json.count("total_blocks", load?.totalBlocks)
        json.key("busy")
        if let belief { json.bool(belief.busy) } else { json.null() }
        json.amount("achieved", rates?.achieved.share)
        json.amount("reachable", rates?.reachable.share)
        json.endObject()
    }

    // MARK: Frontends

    static func frontendKeys(_ picture: ClusterPicture) -> [(key: String, value: UInt64)] {
        picture.frontends.keys.sorted().map { (Hexadecimal.text($0), $0) }
    }

    static func frontend(_ generation: UInt64, of picture: ClusterPicture, _ json: inout JSONWriter) {
        let totals = picture.frontends[generation], load = totals?.load
        var entry: FrontendEntry?
        for router in picture.shownRouters where entry == nil {
            entry = router.directory.frontends.values.first { $0.generation == generation }
        }
        json.beginObject()
        json.text("generation", Hexadecimal.text(generation))
        json.text("name", entry?.name)
        json.text("state", (totals?.state ?? entry?.state).map { "\($0)" })
        json.text("http", entry?.httpAddress)
        json.count("connections", load?.connections)
        json.count("running", load?.requests)
        json.count("streams", load?.streams)
        json.count("buffered_bytes", load?.bufferedBytes)
        json.amount("requests_per_second", totals?.requestsPerSecond)
        json.amount("tokens_per_second", totals?.tokensPerSecond)
        json.endObject()
    }

    // MARK: Queues

    static func queueKeys(_ picture: ClusterPicture) -> [(key: String, value: ClusterLoad.Queue)] {
        var found: [(String, ClusterLoad.Queue)] = []
        for router in picture.heardRouters {
            for depth in router.directory.queues.values.sorted(by: { $0.pool < $1.pool }) where found.count < DashboardLimits.rows {
                found.append(
                    ("\(router.ordinal)/\(depth.pool.description.prefix(16))", ClusterLoad.Queue(router: router.ordinal, depth: depth)))
            }
        }
        return found
    }

    static func queue(_ queue: ClusterLoad.Queue, _ json: inout JSONWriter) {
        json.beginObject()
        json.count("router", queue.router)
        json.text("model", queue.depth.model)
        json.text("pool", String(queue.depth.pool.description.prefix(8)))
        json.count("requests", queue.depth.requests)
        json.count("tokens", queue.depth.tokens)
        json.count("oldest_ms", queue.depth.oldestMilliseconds)
        json.count("drained_tokens_per_second", queue.depth.drainedTokensPerSecond)
        json.endObject()
    }

    // MARK: Tenants

    static func tenantKeys(_ picture: ClusterPicture) -> [(key: String, value: String)] {
        var names = Set(picture.tenants.entries.keys)
        // Order: a set, sorted below.
        for frontend in picture.frontends.values { names.formUnion(frontend.charges.keys) }
        return names.sorted().prefix(DashboardLimits.rows).map { ($0.isEmpty ? "*" : "=\($0)", $0) }
    }

    static func tenant(_ name: String, of picture: ClusterPicture, _ json: inout JSONWriter) {
        // Order: sums.
        let charges = picture.frontends.values.compactMap { $0.charges[name] }
        let met = picture.tenants.entries[name]
        json.beginObject()
        json.text("tenant", name)
        json.count("running", charges.isEmpty ? nil : charges.reduce(0) { $0 + UInt64($1.running) })
        json.count("requests", charges.isEmpty ? nil : charges.reduce(0) { $0 &+ $1.requests })
        json.count("prompt_tokens", charges.isEmpty ? nil : charges.reduce(0) { $0 &+ $1.promptTokens })
        json.count("output_tokens", charges.isEmpty ? nil : charges.reduce(0) { $0 &+ $1.outputTokens })
        json.count("ended", met?.ended ?? 0)
        json.count("sheds", met?.sheds ?? 0)
        json.amount("shed_share", met?.shed.share)
        json.amount("queue_p50_ms", met?.queueWait.percentile(0.5).map { $0 / 1_000 })
        json.amount("queue_p99_ms", met?.queueWait.percentile(0.99).map { $0 / 1_000 })
        json.endObject()
    }

    static func waiting(_ wait: (key: WaitBook.Key, line: WaitBook.Line), _ json: inout JSONWriter) {
        json.beginObject()
        json.text("tenant", wait.key.tenant)
        json.count("class", wait.key.priorityClass)
        json.count("requests", wait.line.waiting)
        json.count("oldest_ms", wait.line.oldest.inMilliseconds)
        json.amount("waited_p50_ms", wait.line.waited.percentile(0.5).map { $0 / 1_000 })
        json.amount("waited_p99_ms", wait.line.waited.percentile(0.99).map { $0 / 1_000 })
        json.endObject()
    }

    // MARK: The rest

    static func warning(_ warning: Warning, _ json: inout JSONWriter) {
        json.beginObject()
        json.text("name", warning.name.rawValue)
        json.text("subject", warning.subject)
        json.text("detail", warning.detail)
        json.flag("urgent", warning.name.isUrgent)
        json.endObject()
    }

    /// A list, since there are three hundred of them.
    static func point(_ point: TrafficMeter.Point, _ json: inout JSONWriter) {
        json.beginArray()
        json.amount(point.tokensPerSecond)
        json.amount(point.requestsPerSecond)
        json.amount(point.running.map { Double($0) })
        json.amount(point.queued.map { Double($0) })
        json.amount(point.shedsPerSecond)
        json.amount(point.failuresPerSecond)
        for value in point.firstToken + point.betweenTokens { json.amount(value.map { $0 / 1_000 }) }
        json.amount(point.achieved)
        json.amount(point.reachable)
        json.endArray()
    }
}
