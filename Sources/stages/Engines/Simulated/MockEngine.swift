package import ClusterModel

/// An engine without a model: batches, queues, blocks and times like a real one, tokens that follow from prompt, seed, choice and position.
package final class MockEngine: InferenceEngine {
    package static let isBrief = true
    package let profile: EngineProfile
    private let latency: LatencyModel
    private let ranks: [MockRank]
    private let kv: MockKVConfiguration?
    private let speaker: MockSpeaker
    private var requests: [EngineRequestKey: (request: MockRequest, rank: Int)] = [:]
    /// Ranks of open sessions.
    private var sessions: [UInt64: Int] = [:]
    /// Said in the next step.
    private var ends: [EngineEnd] = []

    package init(_ configuration: MockConfiguration) {
        profile = configuration.profile
        latency = configuration.latency
        kv = configuration.kv
        speaker = MockSpeaker(configuration)
        ranks = profile.ranks.indices.map { MockRank(Rank(UInt32($0)), configuration) }
    }

    package var hasWork: Bool { !ends.isEmpty || ranks.contains { $0.hasWork } }

    package func admit(_ request: EngineRequest) {
        let texts = speaker.texts(for: request)
        let made = MockRequest(request, blockSize: Int(profile.model.blockSize), caches: profile.cacheReport == .exact, texts: texts ?? [])
        let rank = Int(request.rank.rawValue)
        if let fault = problem(with: request, made, canSpeak: texts != nil) ?? made.prepareHandOver(request, kv) ?? ranks[rank].admit(made)
        {
            ends.append(made.end(.failed(fault)))
        } else {
            requests[request.key] = (made, rank)
        }
    }

    private func problem(with request: EngineRequest, _ made: MockRequest, canSpeak: Bool) -> EngineFault? {
        if request.rank.rawValue >= ranks.count { return .unsupported("rank") }
        if !request.adapter.isEmpty, !profile.model.adapters.contains(request.adapter) { return .unsupported("adapter") }
        if request.embeds, !profile.capabilities.contains(.embeddings) { return .unsupported("task") }
        if !canSpeak { return .unsupported("constraint") }
        if request.prompt.isEmpty { return .unsupported("promptTokens") }
        if !made.isFeasible { return .unsupported("choices") }
        return nil
    }

    package func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        guard let (request, rank) = requests[key], ranks[rank].cancel(request, choice: choice) else { return }
        requests[key] = nil
        ends.append(request.end(.cancelled))
    }

    package func transfer(_ command: KVCommand) {
        guard let (request, rank) = requests[command.key], let reason = ranks[rank].transfer(command, of: request) else { return }
        requests[command.key] = nil
        ends.append(request.end(reason))
    }

    package func session(_ command: SessionCommand) {
        guard profile.capabilities.contains(.sessions) else { return }
        switch command {
        case .open(let session, let rank):
            guard rank.rawValue < ranks.count, sessions[session] == nil else { return }
            sessions[session] = Int(rank.rawValue)
            ranks[Int(rank.rawValue)].open(session: session)
        case .end(let session):
            guard let rank = sessions.removeValue(forKey: session) else { return }
            ranks[rank].end(session: session)
        }
    }

    package func clearCache(of rank: Rank) {
        guard profile.cacheReport == .exact, rank.rawValue < ranks.count else { return }
        ranks[Int(rank.rawValue)].clear()
    }

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        swap(&output.ends, &ends)
        var longest = Duration.zero
        for rank in ranks {
            let work = rank.step(into: &output) { request in
                requests[request.key] = nil
                ends.append(request.end(request.isPrefillLeg ? .handedOver : .finished))
            }
            longest = max(longest, latency.stepDuration(work))
            output.loads.append(rank.load)
        }
        output.ends.append(contentsOf: ends)
        ends.removeAll(keepingCapacity: true)
        return longest
    }
}

extension MockEngine {
    /// What a rank's cache holds, by hash: what its cache changes add up to.
    package func cachedBlocks(ofRank rank: Rank) -> [CachedBlock] {
        rank.rawValue < ranks.count ? ranks[Int(rank.rawValue)].pool.cachedBlocks : []
    }

    /// Blocks of a rank that sessions keep and no request holds.
    package func keptBlocks(ofRank rank: Rank) -> Int {
        rank.rawValue < ranks.count ? ranks[Int(rank.rawValue)].pool.onlyPinnedCount : 0
    }

    /// Choices that a rank runs, or keeps blocks for.
    package func sequences(ofRank rank: Rank) -> Int { rank.rawValue < ranks.count ? ranks[Int(rank.rawValue)].sequences : 0 }

    /// What is wrong with the books of its ranks: nothing, ever. Looks at every block and request, for tests.
    package func checkInvariants() -> [String] { ranks.flatMap(\.problems) }
}
