package import WireProtocol

/// What a worker's stream has led to, in the simplest form there is: for comparing with another picture, or with the worker itself.
///
/// It leaves out how many tokens of a request are computed and shown: the stream tells that with some of the steps, a snapshot as it is.
package struct WorkerPicture: Hashable, Sendable {
    package struct Place: Hashable, Sendable {
        package let rank: UInt32
        package let tier: Tier
        package init(rank: UInt32, tier: Tier) {
            self.rank = rank
            self.tier = tier
        }
    }

    package struct Request: Hashable, Sendable {
        package var request: RequestKey
        package var routerID: UInt64
        package var rank: UInt32
        package var leg: Leg
        package var promptTokens: UInt32
        package var maxTokens: UInt32
        package var expectedOutputTokens: UInt32?
        package var started = false
        package var outputBlocks: UInt32 = 0
        /// Of the prompt's full blocks.
        package var hashes: [UInt64] = []
    }

    /// Hash and parent; 0 for the first block of a prompt. A place without blocks has no entry.
    package internal(set) var blocks: [Place: [UInt64: UInt64]] = [:]
    /// By lease.
    package internal(set) var requests: [UInt64: Request] = [:]
    package internal(set) var sessions: [SessionKey: SessionBound] = [:]
    /// By rank.
    package internal(set) var loads: [UInt32: RankLoad] = [:]
    package internal(set) var state: StateChanged?

    package init() {}

    /// Of one rank, with all of its tiers.
    package func hashes(ofRank rank: UInt32) -> Set<UInt64> {
        blocks.reduce(into: []) { all, entry in if entry.key.rank == rank { all.formUnion(entry.value.keys) } }
    }

    package var blockCount: Int { blocks.values.reduce(0) { $0 + $1.count } }

    // MARK: Events

    /// What is strange about it is said, and applied all the same.
    mutating func apply(_ event: WorkerEvent) -> String? {
        switch event {
        case .blocksStored(let stored): return store(stored)
        case .blocksRemoved(let removed): return remove(removed)
        case .rankCleared(let cleared): for tier in Tier.allCases { blocks[Place(rank: cleared.rank, tier: tier)] = nil }
        case .requestAccepted(let event):
            defer {
                requests[event.lease] = Request(
                    request: event.request, routerID: event.routerID, rank: event.rank, leg: event.leg, promptTokens: event.promptTokens,
                    maxTokens: event.maxTokens, expectedOutputTokens: event.expectedOutputTokens)
            }
            return requests[event.lease] == nil ? nil : "lease \(event.lease) was accepted twice"
        case .requestBlocks(let event):
            requests[event.lease]?.hashes += event.hashes
            return requests[event.lease].map { UInt64($0.hashes.count) == UInt64(event.firstBlock) + UInt64(event.hashes.count) } == true
                ? nil : "blocks \(event.firstBlock)… of lease \(event.lease) do not go on where it stands"
        case .requestStarted(let event):
            requests[event.lease]?.started = true
            return known(event.lease, "started")
        case .prefillProgress(let event): return known(event.lease, "progress")
        case .prefillDone(let event): return known(event.lease, "prefill done")
        case .blocksGrown(let event):
            requests[event.lease]?.outputBlocks = event.outputBlocks
            return known(event.lease, "grown")
        case .requestEnded(let event): return requests.removeValue(forKey: event.lease) == nil ? "an end of lease \(event.lease)" : nil
        case .sessionBound(let bound): sessions[bound.key] = bound
        case .sessionUnbound(let unbound):
            guard sessions[unbound.key]?.bindCounter == unbound.bindCounter else { return "an unknown session was unbound" }
            sessions[unbound.key] = nil
        case .rankLoad(let load): loads[load.rank] = load
        case .stateChanged(let state): self.state = state
        case .unknown: break
        }
        return nil
    }

    private func known(_ lease: UInt64, _ what: String) -> String? { requests[lease] == nil ? "\(what) of an unknown lease" : nil }

    private mutating func store(_ stored: BlocksStored) -> String? {
        var parent = stored.parent ?? 0, strange: String?
        for hash in stored.hashes {
            if blocks[Place(rank: stored.rank, tier: stored.tier), default: [:]].updateValue(parent, forKey: hash) != nil {
                strange = "block \(hash) was stored twice"
            }
            parent = hash
        }
        return strange
    }

    private mutating func remove(_ removed: BlocksRemoved) -> String? {
        let place = Place(rank: removed.rank, tier: removed.tier)
        var strange: String?
        for hash in removed.hashes where blocks[place]?.removeValue(forKey: hash) == nil { strange = "block \(hash) was not there" }
        if blocks[place]?.isEmpty == true { blocks[place] = nil }
        return strange
    }

    // MARK: Snapshots

    mutating func apply(_ entry: SnapshotEntry) {
        switch entry {
        case .heldBlocks(let held):
            guard !held.hashes.isEmpty else { return }
            for (hash, parent) in zip(held.hashes, held.parents) {
                blocks[Place(rank: held.rank, tier: held.tier), default: [:]][hash] = parent
            }
        case .heldRequest(let held):
            if held.firstBlock == 0 || requests[held.lease] == nil { requests[held.lease] = Request(held) }
            requests[held.lease]?.hashes += held.hashes
        case .sessionBound(let bound): sessions[bound.key] = bound
        case .rankLoad(let load): loads[load.rank] = load
        case .stateChanged(let state): self.state = state
        default: break
        }
    }

    /// What differs from another picture, in words; empty if nothing does.
    package func differences(from other: WorkerPicture) -> [String] {
        var words: [String] = []
        for rank in Set(blocks.keys.map(\.rank)).union(other.blocks.keys.map(\.rank)).sorted() {
            for tier in Tier.allCases {
                let place = Place(rank: rank, tier: tier), here = blocks[place] ?? [:], there = other.blocks[place] ?? [:]
                guard here != there else { continue }
                let more = here.keys.count { there[$0] == nil }, less = there.keys.count { here[$0] == nil }
                words.append("rank \(rank) \(tier): \(here.count) blocks for \(there.count), \(more) too many, \(less) missing")
            }
        }
        if requests != other.requests {
            words.append("requests \(requests.keys.sorted()) for \(other.requests.keys.sorted())")
            for lease in requests.keys.sorted() where other.requests[lease] != nil && requests[lease] != other.requests[lease] {
                words.append("lease \(lease) differs")
            }
        }
        if sessions != other.sessions { words.append("\(sessions.count) sessions for \(other.sessions.count), or others") }
        for rank in Set(loads.keys).union(other.loads.keys).sorted() where loads[rank] != other.loads[rank] {
            words.append("the load of rank \(rank) differs")
        }
        if state != other.state { words.append("state \(state.map { "\($0.state)" } ?? "none") for another") }
        return words
    }
}

extension WorkerPicture.Request {
    init(_ held: HeldRequest) {
        self.init(
            request: held.request, routerID: held.routerID, rank: held.rank, leg: held.leg, promptTokens: held.promptTokens,
            maxTokens: held.maxTokens, expectedOutputTokens: held.expectedOutputTokens, started: held.started,
            outputBlocks: held.outputBlocks)
    }
}

extension WorkerPicture {
    /// For whoever reads a snapshot alone.
    package mutating func add(_ page: SnapshotPage) { for entry in page.entries { apply(entry) } }

    /// For people, a line a thing.
    package var summary: [String] {
        var lines = [state.map { "state \($0.state)" } ?? "no state"]
        for place in blocks.keys.sorted(by: { ($0.rank, $0.tier.rawValue) < ($1.rank, $1.tier.rawValue) }) {
            lines.append("rank \(place.rank) \(place.tier) holds \(blocks[place]?.count ?? 0) blocks")
        }
        let running = requests.values.count { $0.started }
        lines.append("\(running) requests run, \(requests.count - running) wait, \(sessions.count) sessions are bound")
        return lines
    }
}
