import ClusterModel
import Engines

/// Lives at random, one step after another, with all that may come in between; see `MockSoakTests`.
final class EngineSoak {
    /// A request that has not ended, and what of it was said.
    private final class Open {
        let texts: [[TokenID]]
        let embeds: Bool
        let promptTokens: Int
        var said: [Int]
        var isCancelled: [Bool]
        var isRunning = false
        var firstCached: UInt32?
        var preemptions: UInt32 = 0

        init(texts: [[TokenID]], embeds: Bool, promptTokens: Int) {
            self.texts = texts
            self.embeds = embeds
            self.promptTokens = promptTokens
            said = texts.map { _ in 0 }
            isCancelled = texts.map { _ in false }
        }

        var isComplete: Bool { texts.indices.allSatisfy { isCancelled[$0] || said[$0] == texts[$0].count } }
    }

    private let engine: MockEngine
    private let configuration: MockConfiguration
    private var random: SeededRandom
    private var output = StepOutput()
    private var open: [EngineRequestKey: Open] = [:]
    /// Of `open`, in order of arrival: what is drawn must not depend on the order of a dictionary.
    private var keys: [EngineRequestKey] = []
    private var sessions: [UInt64] = []
    private var held: [UInt64: UInt32] = [:]
    private var lastKey: UInt64 = 0
    private var lastSession: UInt64 = 0
    private var cached: [[SequenceHash: SequenceHash?]]
    private var texts: [Text: [TokenID]] = [:]

    private(set) var faults: [String] = []
    private(set) var ends = 0
    private(set) var preemptions = 0
    private(set) var cachedTokens = 0
    private(set) var sessionsKept = 0

    init(_ configuration: MockConfiguration, seed: UInt64) {
        engine = MockEngine(configuration)
        self.configuration = configuration
        random = SeededRandom(seed: seed)
        cached = Array(repeating: [:], count: configuration.ranks)
    }

    func run(steps: Int) throws {
        for step in 1...steps where faults.isEmpty {
            disturb()
            if engine.hasWork { try self.step() }
            if step % Self.stepsPerCheck == 0 { check() }
            if step % 20_000 == 0 { try settle() }
        }
        try settle()
        for session in sessions { engine.session(.end(session: session)) }
        if engine.hasWork { try step() }
        check()
        if output.loads.contains(where: { $0.sessionBlocks > 0 || $0.activeBlocks > 0 }) { faults.append("blocks are held at rest") }
    }

    private static let stepsPerCheck = 1_000

    /// Everything that was begun ends without another word from outside.
    private func settle() throws {
        var left = 20_000
        while engine.hasWork, left > 0, faults.isEmpty {
            left -= 1
            try step()
        }
        if left == 0 || !open.isEmpty { faults.append("\(open.count) requests do not end") }
        check()
    }

    // MARK: What comes in

    private func draw(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private func disturb() {
        if draw(6) == 0 { admit() }
        if draw(40) == 0, let key = keys.randomElement(using: &random) { cancel(key) }
        if draw(2_000) == 0 { engine.clearCache(of: Rank(UInt32(draw(configuration.ranks)))) }
        if draw(300) == 0, sessions.count < 6 {
            lastSession += 1
            sessions.append(lastSession)
            engine.session(.open(session: lastSession, rank: Rank(UInt32(draw(configuration.ranks)))))
        }
        if draw(600) == 0, !sessions.isEmpty { engine.session(.end(session: sessions.remove(at: draw(sessions.count)))) }
    }

    private func admit() {
        lastKey += 1
        let key = EngineRequestKey(lastKey)
        // A few texts of different lengths, so that much is found and much is not, and few have to be made to compare with.
        let subject = draw(6), count = [1, 7, 8, 13, 20, 47][draw(6)]
        let seed = UInt64(draw(3)), adapter = draw(4) == 0 ? ["x", "y", "z"][draw(3)] : ""
        var prompt = (0..<count).map { TokenID(subject * 31 + $0 * 7 % 200) }
        var sampling = EngineSampling()
        sampling.seed = seed
        let isNextTurn = draw(3) == 0
        if isNextTurn { prompt += text(prompt, adapter, seed).prefix([3, 11, 16][draw(3)]) }
        let choices = (0..<(draw(4) == 0 ? 1 + draw(3) : 1)).map { number -> EngineChoice in
            let shown = draw(4) == 0 ? Array(text(prompt, adapter, seed + UInt64(number)).prefix(draw(20))) : []
            return EngineChoice(choice: UInt8(number), shown: shown, maxTokens: UInt32(1 + draw(24)))
        }
        var request = EngineRequest(
            key: key, rank: Rank(UInt32(draw(configuration.ranks))), prompt: prompt, sampling: sampling, choices: choices,
            contextLimit: Int(configuration.contextLength))
        request.adapter = adapter
        request.priority = draw(8) == 0 ? 1 : 0
        request.embeds = draw(30) == 0
        if draw(3) == 0 { request.session = sessions.randomElement(using: &random) }
        if draw(10) == 0 { request.salt = CacheSalt(bytes: Array(repeating: UInt8(draw(2)), count: 16)) }
        engine.admit(request)
        let texts = choices.map { choice -> [TokenID] in
            let all = text(prompt, adapter, seed + UInt64(choice.choice))
            return Array(all[choice.shown.count..<choice.shown.count + Int(choice.maxTokens ?? 0)])
        }
        open[key] = Open(
            texts: texts, embeds: request.embeds, promptTokens: request.embeds ? prompt.count : request.prefillTokens)
        keys.append(key)
    }

    private func cancel(_ key: EngineRequestKey) {
        let choice = draw(2) == 0 ? nil : draw(3)
        engine.cancel(key, choice: choice.map(UInt8.init))
        for index in open[key]?.isCancelled.indices ?? 0..<0 where choice == nil || choice == index { open[key]?.isCancelled[index] = true }
    }

    private struct Text: Hashable {
        let prompt: [TokenID]
        let adapter: String
        let seed: UInt64
    }

    /// What any engine says, from one that has room and nothing else to do.
    private func text(_ prompt: [TokenID], _ adapter: String, _ seed: UInt64) -> [TokenID] {
        let name = Text(prompt: prompt, adapter: adapter, seed: seed)
        if let text = texts[name] { return text }
        let engine = MockEngine(.test(batched: 1_000) { ($0.prefixCaching, $0.adapters) = (false, configuration.adapters) })
        var sampling = EngineSampling(), output = StepOutput()
        sampling.seed = seed
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: prompt, sampling: sampling, choices: [EngineChoice(choice: 0, maxTokens: 48)],
            contextLimit: 1_000)
        request.adapter = adapter
        engine.admit(request)
        while engine.hasWork {
            do { _ = try engine.step(at: .zero, into: &output) } catch { faults.append("\(error)") }
        }
        // Nothing empties the output between steps.
        let text = output.tokens
        texts[name] = text
        return text
    }

    // MARK: What comes out

    private func step() throws {
        output.removeAll()
        _ = try engine.step(at: .zero, into: &output)
        for event in output.events { take(event) }
        for run in output.runs { take(run) }
        for end in output.ends { take(end) }
        for change in output.cache { take(change) }
        for load in output.loads {
            if load.activeBlocks > load.usedBlocks || load.usedBlocks > configuration.room.totalBlocks { faults.append("blocks: \(load)") }
            if load.sessionBlocks > UInt32(Double(configuration.room.totalBlocks) * configuration.sessionShare) {
                faults.append("sessions: \(load)")
            }
        }
        let running = output.loads.reduce(0) { $0 + $1.runningRequests }, waiting = output.loads.reduce(0) { $0 + $1.waitingRequests }
        if Int(running + waiting) != open.count { faults.append("\(running) run and \(waiting) wait, of \(open.count)") }
    }

    private func take(_ event: EngineEvent) {
        switch event {
        case .started(let key, let tokens):
            if open[key]?.isRunning != false { faults.append("a start out of turn") }
            open[key]?.isRunning = true
            if open[key]?.firstCached == nil {
                open[key]?.firstCached = tokens
                cachedTokens += Int(tokens)
            }
        case .prefilled(let key, _, _), .prefillDone(let key), .embedded(let key, _):
            if open[key]?.isRunning != true { faults.append("\(event) out of turn") }
        case .preempted(let key, _):
            if open[key]?.isRunning != true { faults.append("a preemption out of turn") }
            open[key]?.isRunning = false
            open[key]?.preemptions += 1
            preemptions += 1
        case .sessionHolds(let session, let blocks):
            if held[session] ?? 0 == blocks { faults.append("a session changed nothing") }
            held[session] = blocks
            sessionsKept += 1
        default: faults.append("unexpected \(event)")
        }
    }

    private func take(_ run: TokenRun) {
        let choice = Int(run.choice)
        guard let request = open[run.key], request.isRunning, choice < request.texts.count, !request.isCancelled[choice] else {
            return faults.append("tokens of nobody")
        }
        let text = request.texts[choice], said = request.said[choice]
        guard said < text.count, output.tokens[Int(run.first)] == text[said], run.count == 1 else {
            return faults.append("request \(run.key.rawValue) says another token at \(said)")
        }
        request.said[choice] += 1
        if (run.finish != nil) != (said + 1 == text.count) { faults.append("a finish at \(said) of \(text.count)") }
    }

    private func take(_ end: EngineEnd) {
        guard let request = open.removeValue(forKey: end.key) else { return faults.append("an end of nobody") }
        keys.removeAll { $0 == end.key }
        ends += 1
        switch end.reason {
        case .finished: if !request.embeds, !request.isComplete { faults.append("an early end") }
        case .cancelled: if !request.isCancelled.contains(true) { faults.append("cancelled by nobody") }
        case .failed(let fault): if request.isRunning || request.preemptions > 0 { faults.append("\(fault) while it ran") }
        case .handedOver: faults.append("handed over")
        }
        if Int(end.promptTokens) != request.promptTokens || Int(end.outputTokens) != request.said.reduce(0, +) {
            faults.append("the end of \(end.key.rawValue) counts other tokens")
        }
        if end.preemptions != request.preemptions || end.cachedTokens != request.firstCached ?? 0 {
            faults.append("the end counts otherwise")
        }
    }

    private func take(_ change: CacheChange) {
        let rank = Int(change.rank.rawValue), hashes = output.hashes[Int(change.first)..<Int(change.first + change.count)]
        switch change.kind {
        case .cleared: cached[rank] = [:]
        case .removed: for hash in hashes where cached[rank].removeValue(forKey: hash) == nil { faults.append("removed twice") }
        case .stored(var parent):
            for hash in hashes {
                if let parent, cached[rank][parent] == nil { faults.append("stored behind nothing") }
                if cached[rank].updateValue(parent, forKey: hash) != nil { faults.append("stored twice") }
                parent = hash
            }
        }
    }

    private func check() {
        faults += engine.checkInvariants()
        for rank in cached.indices {
            let told = cached[rank].map { CachedBlock(hash: $0.key, parent: $0.value) }.sorted { $0.hash < $1.hash }
            if told != engine.cachedBlocks(ofRank: Rank(UInt32(rank))) { faults.append("rank \(rank) holds other blocks than it told") }
        }
    }
}
