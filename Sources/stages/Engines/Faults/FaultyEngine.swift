package import ClusterModel

/// Any engine, with faults: it keeps the rules of `InferenceEngine` wherever no fault is meant to break them.
package final class FaultyEngine: InferenceEngine {
    private let engine: any InferenceEngine
    private let faults: EngineFaults
    private let hashes: WrongHashes
    // One each, so that the draws of one fault do not move those of another.
    private var refusalDraws: SeededRandom
    private var slowDraws: SeededRandom
    private var exportDraws: SeededRandom
    private var storeDraws: SeededRandom
    /// Steps of the engine inside.
    private var steps: UInt64 = 0
    private var outputTokens: UInt64 = 0
    /// Said in the next step.
    private var refused: [EngineEnd] = []
    /// To be refused, if the next step begins within the time for that.
    private var undecided: [EngineRequest] = []
    private var refusesUntil: Instant?
    /// Whom a refused store ends: the engine says `cancelled` of them.
    private var failing: Set<EngineRequestKey> = []
    private var cleared: RankClears
    private var loads: [EngineLoad]

    package init(_ engine: any InferenceEngine, _ faults: EngineFaults) {
        self.engine = engine
        self.faults = faults
        var seeds = SeededRandom(seed: faults.seed)
        hashes = WrongHashes(share: faults.wrongHashes, seed: seeds.next())
        refusalDraws = seeds.split()
        slowDraws = seeds.split()
        exportDraws = seeds.split()
        storeDraws = seeds.split()
        cleared = RankClears(ranks: engine.profile.ranks.count)
        loads = engine.profile.ranks.map { _ in EngineLoad() }
    }

    package var profile: EngineProfile { engine.profile }
    package var hasWork: Bool { engine.hasWork || !refused.isEmpty || !undecided.isEmpty }

    package func admit(_ request: EngineRequest) {
        guard refusalDraws.hits(faults.refusals) else { return engine.admit(request) }
        if faults.refusesFor == nil { refuse(request) } else { undecided.append(request) }
    }

    private func decide(at now: Instant) {
        guard !undecided.isEmpty else { return }
        let until = refusesUntil ?? now + (faults.refusesFor ?? .zero)
        refusesUntil = until
        for request in undecided { if now < until { refuse(request) } else { engine.admit(request) } }
        undecided.removeAll(keepingCapacity: true)
    }

    private func refuse(_ request: EngineRequest) {
        refused.append(
            EngineEnd(
                key: request.key, reason: .failed(.capacity), promptTokens: UInt32(clamping: request.prefillTokens), cachedTokens: 0,
                outputTokens: 0))
    }

    package func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        // Nobody waits for it any more: it ends as it would have, and the engine never hears of it.
        guard choice == nil, let place = undecided.firstIndex(where: { $0.key == key }) else { return engine.cancel(key, choice: choice) }
        refuse(undecided.remove(at: place))
    }
    package func session(_ command: SessionCommand) { engine.session(command) }

    package func transfer(_ command: KVCommand) {
        guard case .store(let key, _, _) = command, storeDraws.hits(faults.refusedStores) else { return engine.transfer(command) }
        failing.insert(key)
        engine.cancel(key, choice: nil)
    }

    package func clearCache(of rank: Rank) {
        cleared.ask(rank)
        engine.clearCache(of: rank)
    }

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        var duration = Duration.zero
        decide(at: now)
        if engine.hasWork {
            steps += 1
            clearSilently()
            duration = try engine.step(at: now, into: &output)
            try count(output.tokens.count)
            duration = slowed(duration)
            alter(&output)
            loads.replaceSubrange(loads.indices, with: output.loads)
        } else {
            // Every step tells the loads; they are those of the last one.
            output.loads.append(contentsOf: loads)
        }
        output.ends.append(contentsOf: refused)
        refused.removeAll(keepingCapacity: true)
        return duration
    }

    private func clearSilently() {
        guard let every = faults.clearsSilentlyEvery, every > 0, steps.isMultiple(of: every) else { return }
        for rank in profile.ranks.indices {
            cleared.silence(Rank(UInt32(rank)))
            engine.clearCache(of: Rank(UInt32(rank)))
        }
    }

    private func count(_ tokens: Int) throws(EngineFailure) {
        outputTokens += UInt64(tokens)
        if let crash = faults.crashesAtToken, outputTokens >= crash { throw EngineFailure("injected crash", isCrash: true) }
        if let failure = faults.failsAtToken, outputTokens >= failure { throw EngineFailure("injected failure") }
    }

    private func slowed(_ duration: Duration) -> Duration {
        var duration = duration
        if let slow = faults.slowStep, slowDraws.hits(slow.share) {
            switch slow.slowness {
            case .factor(let factor): duration = duration * factor
            case .longer(let span): duration = duration + span
            }
        }
        if let stall = faults.stall, stall.step == steps { duration = duration + stall.duration }
        return duration
    }

    private func alter(_ output: inout StepOutput) {
        cleared.apply(to: &output)
        if faults.wrongHashes > 0 { hashes.alter(&output) }
        if faults.damagedExports > 0 { damageExports(in: &output) }
        guard !failing.isEmpty else { return }
        for index in output.ends.indices where failing.remove(output.ends[index].key) != nil {
            if output.ends[index].reason == .cancelled { output.ends[index].reason = .failed(.failed("injected refusal of a store")) }
        }
        // Whoever had ended before its store arrived ends no more.
        failing.removeAll(keepingCapacity: true)
    }

    private func damageExports(in output: inout StepOutput) {
        for index in output.events.indices {
            guard case .exported(let key, let slice, var bytes) = output.events[index], !bytes.isEmpty else { continue }
            guard exportDraws.hits(faults.damagedExports) else { continue }
            bytes[Int(exportDraws.next() % UInt64(bytes.count))] ^= UInt8(1 + exportDraws.next() % 255)
            output.events[index] = .exported(key, slice, bytes: bytes)
        }
        for index in output.ends.indices where !output.ends[index].handOver.isEmpty && exportDraws.hits(faults.damagedExports) {
            let count = UInt64(output.ends[index].handOver.count)
            output.ends[index].handOver[Int(exportDraws.next() % count)] ^= UInt8(1 + exportDraws.next() % 255)
        }
    }
}

/// Which clears of a step somebody asked for, and which nobody is to hear of.
private struct RankClears {
    private var asked: [Bool]
    private var silent: [Bool]

    init(ranks: Int) {
        asked = Array(repeating: false, count: ranks)
        silent = asked
    }

    mutating func ask(_ rank: Rank) { if asked.indices.contains(Int(rank.rawValue)) { asked[Int(rank.rawValue)] = true } }
    mutating func silence(_ rank: Rank) { silent[Int(rank.rawValue)] = true }

    mutating func apply(to output: inout StepOutput) {
        if silent.contains(true) {
            output.cache.removeAll { change in
                let rank = Int(change.rank.rawValue)
                return change.kind == .cleared && silent.indices.contains(rank) && silent[rank] && !asked[rank]
            }
        }
        for rank in asked.indices {
            asked[rank] = false
            silent[rank] = false
        }
    }
}

/// Alters a share of hashes, each always in the same way: what was told as stored is told as removed, and as a parent, under that name.
private struct WrongHashes {
    private let share: Double
    private let seed: UInt64

    init(share: Double, seed: UInt64) {
        self.share = share
        self.seed = seed
    }

    func alter(_ output: inout StepOutput) {
        for index in output.hashes.indices { output.hashes[index] = altered(output.hashes[index]) }
        for index in output.cache.indices {
            if case .stored(let parent?) = output.cache[index].kind { output.cache[index].kind = .stored(parent: altered(parent)) }
        }
    }

    private func altered(_ hash: SequenceHash) -> SequenceHash {
        var draws = SeededRandom(seed: hash.rawValue ^ seed)
        return draws.hits(share) ? SequenceHash(draws.next()) : hash
    }
}

extension SeededRandom {
    /// True with this probability; a fault that is off draws nothing.
    fileprivate mutating func hits(_ share: Double) -> Bool {
        share > 0 && Double(next() >> 11) * 0x1p-53 < share
    }
}
