import ClusterModel
package import EventLoop
package import JSONText

/// Whether a cluster that nothing is asked of holds nothing: read from what its processes say of themselves on `/debug/state`.
package enum RestCheck {
    /// How long what is being given back may take; it takes well under a second.
    package static let limit = Duration.seconds(15)

    /// Waits until nothing is held by any process that runs; what is still held at the end, in words.
    @LoopActor
    package static func wait(_ cluster: ProcessCluster, within limit: Duration = limit) async throws -> [String] {
        let deadline = cluster.loop.now + limit
        while true {
            let held = try await held(by: cluster)
            if held.isEmpty || cluster.loop.now >= deadline { return held }
            await cluster.loop.sleep(for: .milliseconds(50))
        }
    }

    @LoopActor
    package static func held(by cluster: ProcessCluster) async throws -> [String] {
        var held: [String] = []
        for member in cluster.members where member.isRunning {
            guard let state = try await cluster.state(of: member) else {
                held.append("\(member.name) does not say what it holds")
                continue
            }
            held += Self.held(in: state, of: member.role).map { "\(member.name) holds \($0)" }
        }
        return held
    }

    /// What a process of that role holds by its own account. A figure that is not there is one that it does not tell, which is as bad.
    package static func held(in document: JSONValue, of role: ClusterRole) -> [String] {
        guard let state = document["state"], !state.isNull else { return ["what it does not tell: it has no state"] }
        var reader = HeldReader()
        switch role {
        case .frontend: frontend(state, &reader)
        case .router: router(state, &reader)
        case .worker: worker(state, &reader)
        }
        return reader.held
    }

    private static func frontend(_ state: JSONValue, _ reader: inout HeldReader) {
        reader.counts(state, ["requests", "streams", "legs", "kept_frames", "buffered_bytes"])
        for tenant in reader.entries(state, "tenants") {
            reader.counts(tenant, ["running", "running_elsewhere", "reserved_tokens"], at: "a tenant")
        }
        for router in reader.entries(state, "routers") { reader.counts(router, ["open_plans"], at: "a router") }
        for worker in reader.entries(state, "workers") { reader.counts(worker, ["requests", "legs", "unsent_bytes"], at: "a worker") }
    }

    private static func router(_ state: JSONValue, _ reader: inout HeldReader) {
        reader.counts(state, ["leases"])
        reader.counts(reader.part(state, "sessions"), ["opening"], at: "sessions")
        reader.counts(reader.part(state, "index"), ["active_blocks", "predicted_blocks"], at: "the index")
        for queue in reader.entries(state, "queues") { reader.counts(queue, ["requests", "tokens"], at: "a queue") }
        for worker in reader.entries(state, "workers") {
            for rank in reader.entries(worker, "ranks") {
                reader.counts(
                    rank,
                    ["waiting_tokens", "waiting_requests", "running_requests", "active_blocks", "leases", "leased_prefill_tokens"],
                    at: worker["name"]?.asString ?? "a worker")
            }
        }
        for frontend in reader.entries(state, "frontends") { reader.counts(frontend, ["unsent_bytes"], at: "a frontend") }
        for peer in reader.entries(state, "peers") { reader.counts(peer, ["bookings"], at: "another router") }
    }

    private static func worker(_ state: JSONValue, _ reader: inout HeldReader) {
        // Links between workers may stand, and rooms that are over are remembered for a while.
        reader.counts(state, ["requests", "closing", "rooms", "kv_bytes"])
        for rank in reader.entries(state, "ranks") {
            reader.counts(rank, ["waiting_tokens", "waiting_requests", "running_requests", "active_blocks"], at: "a rank")
        }
    }
}

/// Reads counts that must be nought.
private struct HeldReader {
    private(set) var held: [String] = []

    mutating func counts(_ value: JSONValue, _ names: [String], at place: String = "") {
        for name in names {
            let words = name.replacingUnderscores + (place.isEmpty ? "" : " (\(place))")
            guard let count = value[name]?.asDouble else {
                held.append("what it does not tell: \(words)")
                continue
            }
            if count != 0 { held.append("\(value[name]?.asInt.map(String.init) ?? "\(count)") \(words)") }
        }
    }

    mutating func entries(_ value: JSONValue, _ name: String) -> [JSONValue] {
        guard let entries = value[name]?.asArray else {
            held.append("what it does not tell: \(name)")
            return []
        }
        return entries
    }

    mutating func part(_ value: JSONValue, _ name: String) -> JSONValue {
        guard let part = value[name], part.asObject != nil else {
            held.append("what it does not tell: \(name)")
            return .null
        }
        return part
    }
}

extension String {
    fileprivate var replacingUnderscores: String { String(map { $0 == "_" ? " " : $0 }) }
}
