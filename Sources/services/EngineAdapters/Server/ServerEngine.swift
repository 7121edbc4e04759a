package import ClusterModel
package import Engines
package import EventLoop
import Telemetry
import TextProcessing

/// An engine that is a server elsewhere: whatever kind it is, its requests are streamed answers, and it is asked now and then how it is.
@LoopActor
package final class ServerEngine: RemoteEngine {
    package weak var listener: (any RemoteEngineListener)?
    private let dialect: any ServerDialect
    private let server: EngineServer
    private let loop: Loop
    private let log: Logger
    private let metrics: ServerMetrics
    private let news: ServerNews
    private let health: ServerHealth
    package private(set) var remarks: [String] = []
    private let text: ModelText
    private let surroundings: EngineSurroundings
    private var profile: EngineProfile?
    private var cache: ServerCache?
    private var requests: [EngineRequestKey: ServedRequest] = [:]
    private var lastRequest: UInt64 = 0
    /// Part of every request's name at the server, which may serve other workers as well.
    private let nonce: UInt64
    private var failure: EngineFailure?
    private var isClosed = false
    private var lines = RateLimit(lines: ServerLimits.logLines, perMilliseconds: ServerLimits.logMilliseconds)

    package init(_ settings: ServerSettings, _ dialect: any ServerDialect, _ surroundings: EngineSurroundings) {
        self.dialect = dialect
        self.surroundings = surroundings
        text = settings.text
        loop = surroundings.loop
        log = surroundings.log
        metrics = ServerMetrics(registry: surroundings.metrics)
        server = EngineServer(settings, on: surroundings.loop, sockets: surroundings.sockets)
        news = ServerNews(ranks: settings.ranks)
        health = ServerHealth(server, dialect)
        nonce = surroundings.loop.secureRandomUInt64()
    }

    // MARK: RemoteEngine

    package func begin(until deadline: Instant) async throws(EngineFailure) -> EngineProfile {
        news.whenFilled = { [weak self] in self?.listener?.engineHasNews() }
        var profile = try await health.reach(until: deadline) { [weak self] in self?.note($0, "the engine's server does not stand yet") }
        // As the server is: what is added to it here is not what it may differ in when it comes back.
        let reached = profile
        let isAlike = await rendersAlike()
        guard !isClosed else { throw EngineFailure("closed while the engine's server was reached") }
        if isAlike { follow(&profile) } else { profile.cacheReport = .noCache }
        self.profile = profile
        metrics.up(true)
        log.info(
            "engine reached",
            [
                "engine": .text(dialect.name), "server": .text(server.address.description), "build": .text(profile.build),
                "model": .text(profile.model.name), "block_size": .integer(Int64(profile.model.blockSize)),
            ])
        health.whenChanged = { [weak self] in self?.serverIs($0) }
        health.whenLooked = { [weak self] in self?.news.add { _ in } }
        health.ownUse = { [weak self] in self?.news.ranks ?? [] }
        health.watch(reached)
        return profile
    }

    /// False where prompts are not what the engine would make of the same conversations: then nothing that caches hold is counted on.
    private func rendersAlike() async -> Bool {
        let parity: TextParity
        if let probe = dialect.parityProbe { parity = await TextParity.check(text, probe, server) } else { parity = .unknown }
        let fields: LogFields = ["engine": .text(dialect.name), "result": .text(parity.description)]
        guard case .differs = parity else {
            log.info("text parity", fields)
            return true
        }
        remarks.append("text parity: \(parity); requests are placed by load")
        log.warning("text parity", fields)
        return false
    }

    /// Where a server tells of its cache, that is what the cluster goes by.
    private func follow(_ profile: inout EngineProfile) {
        let feeds = dialect.feeds
        guard !feeds.isEmpty else { return }
        profile.cacheReport = .exact
        profile.capabilities.insert(.salts)
        let cache = ServerCache(feeds, of: profile, in: surroundings)
        self.cache = cache
        // Loads come the same way, and are nothing to drain.
        cache.whenChanged = { [weak self] in self?.news.add { _ in } }
        cache.follow()
    }

    package var hasNews: Bool { !news.isEmpty || failure != nil || cache?.hasChanges ?? false }

    package func take(_ command: consuming EngineCommand) {
        guard !isClosed else { return }
        switch consume command {
        case .admit(let request): admit(request)
        case .cancel(let key, let choice): cancel(key, choice)
        // Not asked for: the profile names neither.
        case .transfer, .session, .clearCache: break
        }
    }

    package func tell(into output: inout StepOutput, at now: Instant) throws(EngineFailure) {
        if let failure { throw failure }
        news.take(into: &output)
        cache?.drain(into: &output)
        guard let profile else { return }
        for (rank, room) in profile.ranks.enumerated() {
            var load = health.load(of: rank, room, own: news.ranks[rank], at: now)
            if let cache { load.add(cache, rank, of: profile) }
            output.loads.append(load)
        }
    }

    package func close() {
        isClosed = true
        health.close()
        cache?.close()
        news.whenFilled = nil
        // Order: nobody hears of these ends.
        for request in requests.values { _ = request.cancel(choice: nil) }
        requests.removeAll()
        server.close()
    }

    // MARK: Requests

    private func admit(_ request: EngineRequest) {
        guard let profile else { return }
        if let fault = problem(with: request, profile) {
            let end = EngineEnd(
                key: request.key, reason: .failed(fault), promptTokens: UInt32(clamping: request.prefillTokens), cachedTokens: 0,
                outputTokens: 0)
            return news.add { $0.ends.append(end) }
        }
        lastRequest += 1
        if let salt = request.salt { cache?.expect(salt, sentAs: salt.serverText) }
        if !request.adapter.isEmpty { cache?.expectAdapters() }
        let served = ServedRequest(request, blockSize: profile.model.blockSize, news: news, loop: loop) { [weak self] in
            self?.ended($0, $1)
        }
        requests[request.key] = served
        // Asked before the server has it: afterwards its own blocks may be among those that are there.
        if let cache { served.expectedCachedTokens = cache.cachedTokens(of: request) }
        served.begin(
            server, dialect, vocabularySize: profile.model.vocabularySize, id: "apus-\(Hexadecimal.text(nonce))-\(lastRequest)")
    }

    /// What no server can do, whatever its dialect.
    private func problem(with request: EngineRequest, _ profile: EngineProfile) -> EngineFault? {
        if Int(request.rank.rawValue) >= profile.ranks.count { return .unsupported("rank") }
        if !health.isWell { return .failed("the engine's server is away") }
        if requests.count >= ServerLimits.answers { return .capacity }
        if request.embeds, !profile.capabilities.contains(.embeddings) { return .unsupported("task") }
        if !request.media.isEmpty { return .unsupported("multimodal") }
        if request.sampling.promptLogprobs != nil { return .unsupported("promptLogprobs") }
        if request.session != nil { return .unsupported("session") }
        switch (request.leg, request.handOver) {
        case (.whole, .none): return nil
        case (.prefill, .none), (.decode, .parameters):
            guard profile.capabilities.contains(.sequentialHandOver) else { return .unsupported("leg") }
            // A server's parameters are those of one text.
            return request.choices.count == 1 ? nil : .unsupported("choices")
        case (.whole, _), (.prefill, _), (.decode, _): return .unsupported("handOver")
        }
    }

    private func cancel(_ key: EngineRequestKey, _ choice: UInt8?) {
        guard let served = requests[key] else { return }
        for id in served.cancel(choice: choice) {
            if let abort = dialect.abort(id: id) { server.say(abort) }
        }
    }

    private func ended(_ served: ServedRequest, _ problem: ServerProblem?) {
        requests[served.request.key] = nil
        guard let problem else { return }
        metrics.failed(problem)
        note(problem, "a request failed at the engine's server")
        if problem.isAbsence { health.look() }
    }

    private func note(_ problem: ServerProblem, _ message: StaticString) {
        let verdict = lines.admit(problem.kind, atMilliseconds: loop.now.nanoseconds / 1_000_000)
        log.limited(verdict)?.warning(
            message, ["server": .text(server.address.description), "reason": .text(problem.description)])
    }

    // MARK: The server's state

    private func serverIs(_ change: ServerHealth.Change) {
        guard !isClosed else { return }
        switch change {
        case .back:
            metrics.up(true)
            log.info("the engine's server is back", ["server": .text(server.address.description)])
            cache?.follow()
            listener?.engineIs(.serving)
        case .away(let problem):
            metrics.up(false)
            log.warning(
                "the engine's server is away",
                ["server": .text(server.address.description), "reason": .text(problem.description)])
            server.dropIdle()
            listener?.engineIs(.away("the engine's server is away: \(problem)"))
            // In the order in which they came, so that who follows sees the same each time.
            for served in requests.values.sorted(by: { $0.request.key.rawValue < $1.request.key.rawValue }) { served.fail(problem) }
            cache?.forget()
        case .another(let mismatch):
            failure = EngineFailure("the engine's server is not what it was: \(mismatch)")
            listener?.engineHasNews()
        }
    }
}

extension EngineLoad {
    /// What a server that tells of its cache says of a rank beside its figures.
    @LoopActor fileprivate mutating func add(_ cache: ServerCache, _ rank: Int, of profile: EngineProfile) {
        let room = profile.ranks[rank]
        if let stat = cache.load(of: rank) {
            runningRequests = max(runningRequests, stat.runningRequests)
            waitingRequests = max(waitingRequests, stat.waitingRequests)
            let blocks = UInt32(clamping: stat.usedTokens / UInt64(max(1, profile.model.blockSize)))
            activeBlocks = min(max(activeBlocks, blocks), room.totalBlocks)
        }
        usedBlocks = min(max(activeBlocks, cache.blocks(ofRank: rank)), room.totalBlocks)
    }
}
