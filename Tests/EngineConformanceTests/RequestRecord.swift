import ClusterModel
import Engines

/// What an engine said of one request, held against the order that the protocol gives.
struct RequestRecord {
    enum Phase: Hashable { case waiting, reserved, running, prefilled, ended }

    let request: EngineRequest
    private(set) var phase = Phase.waiting
    private(set) var cachedTokens: [UInt32] = []
    private(set) var preemptions: UInt32 = 0
    /// What remained of prefill when it was told last.
    private(set) var remaining: UInt32?
    private(set) var tokens: [UInt8: [TokenID]] = [:]
    private(set) var logprobs: [UInt8: [[ScoredToken]]] = [:]
    private(set) var finishes: [UInt8: EngineFinish] = [:]
    private(set) var embedding: [Float]?
    private(set) var heldBlocks: UInt32?
    private(set) var exportable: UInt32 = 0
    /// State of the engine that is no page.
    private(set) var beside: [UInt8]?
    private(set) var exported: [(slice: KVSlice, bytes: [UInt8])] = []
    private(set) var stored: [KVSlice] = []
    private(set) var end: EngineEnd?
    /// Choices that were cancelled alone.
    var cancelled: Set<UInt8> = []
    private(set) var breaches: [String] = []

    init(_ request: EngineRequest) { self.request = request }

    var isLiving: Bool { end == nil }
    var outputTokens: Int { tokens.values.reduce(0) { $0 + $1.count } }
    func output(_ choice: UInt8 = 0) -> [TokenID] { tokens[choice] ?? [] }

    mutating func take(_ event: EngineEvent) {
        if end != nil { breach("\(event) after the end") }
        switch event {
        case .started(_, let cached):
            if phase != .waiting, phase != .reserved { breach("started while \(phase)") }
            if cached > total { breach("more tokens cached than there are") }
            cachedTokens.append(cached)
            phase = .running
            remaining = nil
        case .prefilled(_, let computed, let left):
            if phase != .running { breach("prefill goes on while \(phase)") }
            if let remaining, left >= remaining { breach("prefill went on by nothing") }
            if left == 0 { breach("prefilled with nothing left: that is prefillDone") }
            if Int(computed) + Int(left) < (cancelled.isEmpty ? request.prefillTokens : request.prompt.count) {
                breach("\(computed) and \(left) are less than the prompt")
            }
            remaining = left
        case .prefillDone:
            if phase != .running { breach("prefill is done while \(phase)") }
            phase = .prefilled
        case .preempted(_, let left):
            if phase != .running, phase != .prefilled { breach("preempted while \(phase)") }
            if left == 0 { breach("preempted, and nothing is to be computed again") }
            preemptions += 1
            phase = .waiting
        case .embedded(_, let vector):
            if !request.embeds || embedding != nil { breach("a vector that nobody asked for") }
            embedding = vector
        case .reserved(_, let held):
            if request.handOver != .receive || phase != .waiting { breach("reserved while \(phase)") }
            heldBlocks = held
            phase = .reserved
        case .exportable(_, let blocks):
            if request.handOver != .export || blocks <= exportable { breach("\(blocks) blocks exportable after \(exportable)") }
            exportable = blocks
        case .exported(_, let slice, let bytes):
            if slice.firstBlock + slice.blockCount > exportable { breach("an export of what is not exportable") }
            exported.append((slice, bytes))
        case .beside(_, let state):
            if request.handOver != .export || beside != nil || phase == .prefilled { breach("state beside the pages while \(phase)") }
            beside = state
        case .stored(_, let slice):
            if phase != .reserved { breach("stored while \(phase)") }
            stored.append(slice)
        case .sessionHolds: breach("a session is no request")
        }
    }

    mutating func take(_ run: TokenRun, _ new: ArraySlice<TokenID>, _ scored: [ScoredToken]) {
        if end != nil { breach("tokens after the end") }
        if phase != .prefilled { breach("tokens while \(phase)") }
        if request.embeds { breach("tokens of a request for a vector") }
        guard let choice = request.choices.first(where: { $0.choice == run.choice }) else {
            return breach("a choice that was not asked for")
        }
        if finishes[run.choice] != nil { breach("tokens after the finish") }
        if cancelled.contains(run.choice) { breach("tokens of a cancelled choice") }
        if Int(run.position) != choice.shown.count + output(run.choice).count { breach("position \(run.position) is not the next one") }
        if new.isEmpty { breach("a run without tokens") }
        tokens[run.choice, default: []] += new
        let size = 1 + Int(run.topCount)
        for start in stride(from: 0, to: scored.count, by: size) {
            logprobs[run.choice, default: []].append(Array(scored[start..<start + size]))
        }
        if let most = choice.maxTokens, output(run.choice).count > most { breach("more than maxTokens") }
        if request.prompt.count + choice.shown.count + output(run.choice).count > request.contextLimit { breach("beyond the context") }
        guard let finish = run.finish else { return }
        finishes[run.choice] = finish
        if finish != .length, output(run.choice).count < choice.minTokens { breach("ended before minTokens") }
    }

    mutating func take(_ end: EngineEnd) {
        if self.end != nil { breach("ended twice") }
        self.end = end
        let phase = phase
        self.phase = .ended
        if Int(end.outputTokens) != outputTokens { breach("\(end.outputTokens) tokens counted, \(outputTokens) given") }
        if end.preemptions != preemptions { breach("\(end.preemptions) preemptions counted, \(preemptions) told") }
        if end.cachedTokens > end.promptTokens { breach("more tokens cached than prefilled") }
        if let cached = cachedTokens.first, preemptions == 0, end.cachedTokens != cached {
            breach("\(end.cachedTokens) cached, \(cached) told")
        }
        guard end.reason == .finished || end.reason == .handedOver else { return }
        if Int(end.promptTokens) != request.prefillTokens { breach("a prompt of \(end.promptTokens) tokens") }
        if end.reason == .handedOver, request.leg != .prefill { breach("a leg that is not prefill was handed over") }
        if request.embeds {
            if embedding == nil { breach("finished without a vector") }
        } else if end.reason == .finished {
            if phase != .prefilled { breach("finished while \(phase)") }
            for choice in request.choices where finishes[choice.choice] == nil && !cancelled.contains(choice.choice) {
                breach("finished without a finish of choice \(choice.choice)")
            }
        }
    }

    private var total: Int { request.prefillTokens + outputTokens }

    private mutating func breach(_ what: String) { breaches.append("\(request.key.rawValue): \(what)") }
}
