import ClusterModel
import EngineServing
import Engines
import WireProtocol

/// What an engine elsewhere was given and has not ended, so that what it says can be judged, and all of it ended when its process dies.
struct HelperBook {
    private struct Entry {
        var promptTokens: UInt32
        var outputTokens: UInt32 = 0
        var cachedTokens: UInt32 = 0
        var preemptions: UInt32 = 0
        /// By number: the position of the next token; nil where the choice has ended.
        var positions: [UInt8: UInt32?]
    }

    private let profile: EngineProfile
    private var entries: [EngineRequestKey: Entry] = [:]
    private var sessions: [UInt64: HeldSession] = [:]

    private struct HeldSession {
        var rank: Rank
        var blocks: UInt32 = 0
        /// What it held may still be told to be gone.
        var isEnded = false
    }

    init(_ profile: EngineProfile) { self.profile = profile }

    // MARK: What it is told

    mutating func admit(_ request: EngineRequest) {
        entries[request.key] = Entry(
            promptTokens: UInt32(clamping: request.prefillTokens),
            positions: Dictionary(
                request.choices.map { ($0.choice, UInt32(clamping: $0.shown.count)) }, uniquingKeysWith: { first, _ in first }))
    }

    mutating func note(_ command: SessionCommand) {
        switch command {
        case .open(let session, let rank): if sessions[session] == nil { sessions[session] = HeldSession(rank: rank) }
        case .end(let session): if sessions[session]?.blocks == 0 { sessions[session] = nil } else { sessions[session]?.isEnded = true }
        }
    }

    /// To be opened again where nothing is known of them, by number.
    var openSessions: [SessionCommand] {
        sessions.filter { !$0.value.isEnded }.sorted { $0.key < $1.key }.map { .open(session: $0.key, rank: $0.value.rank) }
    }

    // MARK: What it says

    /// Throws where it is impossible, before anybody relies on any of it.
    mutating func judge(_ output: borrowing StepOutput) throws(EngineProtocolError) {
        guard output.loads.count == profile.ranks.count else { throw .meaning("a step with the loads of \(output.loads.count) ranks") }
        let most = UInt64(profile.ranks.reduce(0) { $0 + Int($1.maxBatchedTokens) })
        guard UInt64(output.prefillTokens) <= most else { throw .meaning("more prefill in a step than fits one") }
        for event in output.events { try judge(event) }
        for run in output.runs { try judge(run, output) }
        for change in output.cache { try judge(change, hashes: output.hashes.count) }
        try end(output.ends)
        // Last, and without a doubt left: what the book says of sessions and ends, others were told.
        for case .sessionHolds(let session, let blocks) in output.events { hold(session, blocks) }
    }

    /// All of them, or none: a step that is not believed has ended nobody.
    private mutating func end(_ ends: [EngineEnd]) throws(EngineProtocolError) {
        var gone: [(EngineRequestKey, Entry)] = []
        for end in ends {
            guard let entry = entries.removeValue(forKey: end.key) else {
                for (key, entry) in gone { entries[key] = entry }
                throw .meaning("the end of a request that it does not have")
            }
            gone.append((end.key, entry))
        }
    }

    /// One that was ended meanwhile may be told of once more.
    private mutating func hold(_ session: UInt64, _ blocks: UInt32) {
        if blocks == 0, sessions[session]?.isEnded ?? false { sessions[session] = nil } else { sessions[session]?.blocks = blocks }
    }

    private mutating func judge(_ event: EngineEvent) throws(EngineProtocolError) {
        switch event {
        case .started(let key, let cached):
            try change(key) { $0.cachedTokens = cached }
            try bound(cached)
        case .prefilled(let key, _, let remaining):
            try change(key) { _ in }
            try bound(remaining)
        case .preempted(let key, let remaining):
            try change(key) { $0.preemptions &+= 1 }
            try bound(remaining)
        case .embedded(let key, let vector):
            try change(key) { _ in }
            guard vector.count == Int(profile.model.embeddingDimensions) else { throw .meaning("a vector of \(vector.count) numbers") }
        case .prefillDone(let key), .reserved(let key, _), .exportable(let key, _), .exported(let key, _, _), .stored(let key, _),
            .beside(let key, _):
            try change(key) { _ in }
        case .sessionHolds: break
        }
    }

    /// No request has more tokens than its model's context, over all of its choices.
    private func bound(_ tokens: UInt32) throws(EngineProtocolError) {
        guard UInt64(tokens) <= UInt64(profile.model.contextLength) * UInt64(UInt8.max) else {
            throw .meaning("\(tokens) tokens of one request")
        }
    }

    private mutating func change(_ key: EngineRequestKey, _ body: (inout Entry) -> Void) throws(EngineProtocolError) {
        guard entries[key] != nil else { throw .meaning("news of a request that it does not have") }
        if var entry = entries[key] {
            body(&entry)
            entries[key] = entry
        }
    }

    private mutating func judge(_ run: TokenRun, _ output: borrowing StepOutput) throws(EngineProtocolError) {
        guard let entry = entries[run.key], let position = entry.positions[run.choice], let position else {
            throw .meaning("tokens of a request or a choice that it does not have")
        }
        let first = Int(run.first), count = Int(run.count)
        // A token that another leg has given may be told once more, or not.
        guard run.position >= position, first >= 0, count > 0, first + count <= output.tokens.count else {
            throw .meaning("tokens that do not go on from the last ones")
        }
        let scored = Int(run.firstLogprob), scores = count * (1 + Int(run.topCount))
        guard scored < 0 || ((0...Limits.topLogprobs).contains(Int(run.topCount)) && scored + scores <= output.logprobs.count) else {
            throw .meaning("scores of no tokens")
        }
        if scored >= 0, !output.logprobs[scored..<(scored + scores)].allSatisfy(\.logprob.isFinite) {
            throw .meaning("scores that are no numbers")
        }
        for token in output.tokens[first..<(first + count)] where token >= profile.model.vocabularySize {
            throw .meaning("a token outside of its vocabulary")
        }
        let (next, overflows) = run.position.addingReportingOverflow(UInt32(clamping: count))
        guard !overflows else { throw .meaning("more tokens than can be counted") }
        entries[run.key]?.outputTokens &+= UInt32(clamping: count)
        entries[run.key]?.positions[run.choice] = .some(run.finish == nil ? next : nil)
    }

    private func judge(_ change: CacheChange, hashes: Int) throws(EngineProtocolError) {
        let first = Int(change.first), count = Int(change.count)
        guard Int(change.rank.rawValue) < profile.ranks.count, first >= 0, count >= 0, first + count <= hashes else {
            throw .meaning("a change of no cache, or of hashes that it does not tell")
        }
    }

    // MARK: Its death

    /// Ends everything, as if the engine had: no request is left, no session holds anything, and no rank has a block.
    mutating func lose(_ reason: String, into output: inout StepOutput) {
        for (session, held) in sessions.sorted(by: { $0.key < $1.key }) {
            if held.blocks > 0 { output.events.append(.sessionHolds(session, blocks: 0)) }
            sessions[session] = held.isEnded ? nil : HeldSession(rank: held.rank)
        }
        // Order: sorted, though each ends for itself.
        for (key, entry) in entries.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            var end = EngineEnd(
                key: key, reason: .failed(.lost(reason)), promptTokens: entry.promptTokens, cachedTokens: entry.cachedTokens,
                outputTokens: entry.outputTokens)
            end.preemptions = entry.preemptions
            output.ends.append(end)
        }
        entries.removeAll()
        for rank in profile.ranks.indices {
            output.cache.append(CacheChange(kind: .cleared, rank: Rank(UInt32(rank))))
            output.loads.append(EngineLoad())
        }
    }
}
