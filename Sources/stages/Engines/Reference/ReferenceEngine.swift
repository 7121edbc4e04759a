package import ClusterModel

/// A model of the llama architecture on the processor, in Swift: small enough to be read, and exact enough to be trusted.
///
/// Its tokens follow from prompt, shown tokens, seed and position alone, bit for bit, whatever else runs: so a request that goes on elsewhere,
/// and one whose state was handed over, goes on with the same text.
package final class ReferenceEngine: InferenceEngine {
    package let profile: EngineProfile
    private let endTokens: [TokenID]
    private let blockSize: Int
    private let form: ReferenceParameters.Form
    private let computer: any BlockComputer
    private let scheduler: ReferenceScheduler
    private var sampler = TokenSampler()
    private var batch = ForwardBatch()
    private var requests: [EngineRequestKey: ReferenceRequest] = [:]
    private var openSessions: Set<UInt64> = []
    /// Said in the next step.
    private var said: [EngineEvent] = []
    private var ends: [EngineEnd] = []

    package convenience init(_ configuration: ReferenceConfiguration) {
        let cache = PagedCache(configuration.model.shape, blockSize: Int(configuration.blockSize))
        self.init(configuration.settings, ForwardPass(configuration.model, cache))
    }

    /// The same over whatever else computes blocks.
    package init(_ settings: BlockEngineSettings, _ computer: any BlockComputer) {
        profile = settings.profile
        endTokens = settings.endTokens
        blockSize = Int(settings.profile.model.blockSize)
        self.computer = computer
        form = ReferenceParameters.Form(
            weights: settings.profile.model.weights, layers: computer.layers, keyWidth: computer.tokenStates?.keyWidth ?? 0)
        scheduler = ReferenceScheduler(settings)
    }

    package var hasWork: Bool { !ends.isEmpty || !said.isEmpty || scheduler.hasWork }

    // MARK: Commands

    package func admit(_ request: EngineRequest) {
        switch ReferenceHandOver.of(request, blockSize: blockSize, form, profile.capabilities) {
        case .failure(let refusal): refuse(request, nil, problem(with: request) ?? refusal.fault)
        case .success(let handOver):
            if let fault = problem(with: request) { return refuse(request, nil, fault) }
            let made = ReferenceRequest(request, blockSize: blockSize, handOver: handOver)
            if !made.isFeasible { return refuse(request, made, .unsupported("choices")) }
            if let fault = scheduler.admit(made) { return refuse(request, made, fault) }
            requests[request.key] = made
        }
    }

    private func refuse(_ request: EngineRequest, _ made: ReferenceRequest?, _ fault: EngineFault) {
        let end = EngineEnd(
            key: request.key, reason: .failed(fault), promptTokens: UInt32(clamping: request.prefillTokens), cachedTokens: 0,
            outputTokens: 0)
        ends.append(made?.end(.failed(fault)) ?? end)
    }

    private func problem(with request: EngineRequest) -> EngineFault? {
        if request.rank != Rank(0) { return .unsupported("rank") }
        if !request.adapter.isEmpty { return .unsupported("adapter") }
        if request.embeds { return .unsupported("task") }
        if !request.media.isEmpty { return .unsupported("media") }
        if request.constraint != nil { return .unsupported("constraint") }
        if request.sampling.promptLogprobs != nil { return .unsupported("promptLogprobs") }
        let size = profile.model.vocabularySize
        if request.prompt.isEmpty || request.prompt.contains(where: { $0 >= size }) { return .unsupported("promptTokens") }
        if request.choices.isEmpty || request.choices.contains(where: { $0.shown.contains { $0 >= size } }) {
            return .unsupported("choices")
        }
        // Rows behind it have no room among the scores of a forward pass.
        if request.prefillTokens > profile.model.contextLength { return .unsupported("promptTokens") }
        if request.contextLimit > profile.model.contextLength { return .unsupported("choices") }
        return nil
    }

    package func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        guard let request = requests[key], scheduler.cancel(request, choice: choice) else { return }
        requests[key] = nil
        ends.append(request.end(.cancelled))
    }

    package func transfer(_ command: KVCommand) {
        guard let request = requests[command.key], request.handOver != nil, let reason = transfer(command, of: request) else { return }
        scheduler.drop(request)
        requests[command.key] = nil
        ends.append(request.end(reason))
    }

    /// Why the request ended, if it did.
    private func transfer(_ command: KVCommand, of request: ReferenceRequest) -> EngineEnd.Reason? {
        scheduler.isStuck = false
        switch command {
        case .export(let key, let slice):
            guard let bytes = request.export(slice, from: computer, scheduler.pool) else {
                return .failed(.failed("an export of what is not there"))
            }
            said.append(.exported(key, slice, bytes: bytes))
        case .release:
            request.handOver?.release()
            return scheduler.isHeld(request) ? .handedOver : nil
        case .store(let key, let slice, let bytes):
            if let problem = request.store(slice, bytes, in: computer, &scheduler.pool) { return .failed(.failed(problem)) }
            said.append(.stored(key, slice))
        case .complete(let key, let firstTokens, let state):
            if let problem = request.complete(firstTokens, state, in: computer, scheduler.pool) { return .failed(.failed(problem)) }
            scheduler.resume(request)
            said.append(.started(key, cachedTokens: UInt32(clamping: request.cachedTokens ?? 0)))
        }
        return nil
    }

    package func session(_ command: SessionCommand) {
        switch command {
        case .open(let session, let rank):
            if rank == Rank(0), openSessions.insert(session).inserted { scheduler.sessions.open(session) }
        case .end(let session):
            guard openSessions.remove(session) != nil else { return }
            scheduler.sessions.end(session, &scheduler.pool)
            scheduler.isStuck = false
        }
    }

    package func clearCache(of rank: Rank) { if rank == Rank(0) { scheduler.clear() } }

    // MARK: A step

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        swap(&output.ends, &ends)
        output.events.append(contentsOf: said)
        said.removeAll(keepingCapacity: true)
        batch.removeAll()
        for lost in scheduler.schedule(into: &output, &batch) { end(lost, .failed(.capacity), into: &output) }
        if let states = computer.tokenStates { for request in scheduler.running { request.unpack(into: states) } }
        try computer.run(batch, in: scheduler.pool)
        for request in scheduler.running where request.scheduled > 0 { try conclude(request, into: &output) }
        for request in scheduler.removeOver() { end(request, request.isPrefillLeg ? .handedOver : .finished, into: &output) }
        scheduler.pool.moveChanges(to: &output)
        scheduler.sessions.tell(&output)
        output.loads.append(scheduler.load)
        return .zero
    }

    private func end(_ request: ReferenceRequest, _ reason: EngineEnd.Reason, into output: inout StepOutput) {
        requests[request.key] = nil
        output.ends.append(request.end(reason))
    }

    /// What comes of the tokens that a request computed in this step.
    private func conclude(_ request: ReferenceRequest, into output: inout StepOutput) throws(EngineFailure) {
        if !request.isPrefilled { output.prefillTokens += request.newTokens }
        request.scheduled = -1
        if request.remaining == 0, !request.share(in: computer, scheduler.pool) {
            throw EngineFailure("the state of a prompt is not where it was computed")
        }
        request.register(&scheduler.pool)
        let exportable = request.newlyExportable()
        if let exportable { output.events.append(.exportable(request.key, blocks: exportable)) }
        guard request.remaining == 0 else {
            if !request.isPrefilled {
                output.events.append(
                    .prefilled(
                        request.key, computed: UInt32(clamping: request.knownTokens - request.remaining),
                        remaining: UInt32(clamping: request.remaining)))
            }
            return
        }
        if !request.isPrefilled {
            request.isPrefilled = true
            if let states = computer.tokenStates { request.pack(form, from: states) }
            output.events.append(.prefillDone(request.key))
        }
        produce(request, into: &output)
        request.releaseFinished(&scheduler.pool)
    }

    private func produce(_ request: ReferenceRequest, into output: inout StepOutput) {
        let sampling = request.sampling, computer = computer
        request.produce(into: &output) { index, text in
            let token = choose(computer.logits(index), request, text)
            return (token, finish(token, text, sampling))
        } score: { index, token, output in
            let scores = TokenScores(computer.logits(index)), run = output.runs.count - 1
            let tops = min(Int(sampling.topLogprobs ?? 0), Int(profile.model.vocabularySize))
            output.runs[run].firstLogprob = Int32(truncatingIfNeeded: output.logprobs.count)
            output.runs[run].topCount = Int32(truncatingIfNeeded: tops)
            output.logprobs.append(scores.score(token))
            scores.append(best: tops, to: &output.logprobs)
        }
    }

    private func choose(_ logits: UnsafeBufferPointer<Float>, _ request: ReferenceRequest, _ text: ReferenceText) -> TokenID {
        if let given = text.givenToken, given < profile.model.vocabularySize { return given }
        let mayEnd = text.position &+ 1 >= text.minimum || request.sampling.ignoreEndOfText
        let place = TokenSampler.Place(
            seed: request.sampling.seed &+ UInt64(text.number), position: text.position, forbidden: mayEnd ? [] : endTokens)
        let earlier = request.sampling.hasPenalties ? request.tokens(of: text, from: text.penaltyOrigin) : []
        return sampler.choose(logits, request.sampling, at: place, after: earlier)
    }

    private func finish(_ token: TokenID, _ text: ReferenceText, _ sampling: EngineSampling) -> EngineFinish? {
        if text.position &+ 1 >= text.minimum {
            if !sampling.ignoreEndOfText, endTokens.contains(token) { return .endOfText }
            if sampling.stopTokens.contains(token) { return .stopToken }
        }
        return text.position &+ 1 == text.end ? .length : nil
    }
}

extension ReferenceEngine {
    /// What is wrong with its books: nothing, ever. Looks at every block and request, for tests.
    package func checkInvariants() -> [String] { scheduler.problems }
}
