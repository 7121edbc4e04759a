import ClusterModel

/// A request in a simulated engine.
final class MockRequest {
    let key: EngineRequestKey
    let priority: Float
    let prefillTokens: Int
    /// What it holds at the most: reserved when it starts, so that nothing is ever taken from it again.
    let mostBlocks: Int
    private let promptBlocks: Int
    private let blockSize: Int
    private let sampling: EngineSampling
    private(set) var computedTokens = 0
    private(set) var outputTokens = 0
    private(set) var choices: [MockChoice]
    private(set) var unfinished: Int

    init(_ request: EngineRequest, blockSize: Int) {
        key = request.key
        priority = request.priority
        sampling = request.sampling
        self.blockSize = blockSize
        prefillTokens = request.prefillTokens
        let hash = MockText.promptHash(request.prompt, adapter: request.adapter)
        let mostPositions = UInt32(clamping: max(0, request.contextLimit - request.prompt.count))
        choices = request.choices.map { choice in
            MockChoice(
                choice, text: MockText(promptHash: hash, seed: request.sampling.seed &+ UInt64(choice.choice)),
                ignoresEnd: request.sampling.ignoreEndOfText, mostPositions: mostPositions)
        }
        unfinished = choices.count
        promptBlocks = (prefillTokens + blockSize - 1) / blockSize
        mostBlocks = choices.reduce(promptBlocks) { $0 + (Int($1.end - $1.position) + blockSize - 1) / blockSize }
    }

    /// Every choice has at least one token to produce.
    var isFeasible: Bool { choices.allSatisfy { $0.position < $0.end } }
    var isPrefilled: Bool { computedTokens == prefillTokens }
    var remainingTokens: Int { prefillTokens - computedTokens }
    /// Tokens whose state is in memory.
    var heldTokens: Int { computedTokens + outputTokens }
    var heldBlocks: Int {
        let prompt = (computedTokens + blockSize - 1) / blockSize
        if choices.count == 1 { return prompt + (outputTokens + blockSize - 1) / blockSize }
        return choices.reduce(prompt) { $0 + (Int($1.position - $1.start) + blockSize - 1) / blockSize }
    }

    func prefill(_ count: Int) { computedTokens += count }

    /// One token for each choice that goes on.
    func decode(into output: inout StepOutput) {
        for index in choices.indices where !choices[index].isFinished {
            let position = choices[index].position
            let (token, finish) = choices[index].next(stopTokens: sampling.stopTokens)
            output.append(token, of: key, choice: choices[index].number, position: position, finish: finish)
            if let tops = sampling.topLogprobs, position >= choices[index].logprobOffset {
                choices[index].score(token, at: position, tops: Int(tops), into: &output)
            }
            outputTokens += 1
            if finish != nil { unfinished -= 1 }
        }
    }

    /// True if that was the last one.
    func cancel(choice number: UInt8) -> Bool {
        for index in choices.indices where choices[index].number == number && !choices[index].isFinished {
            choices[index].stop()
            unfinished -= 1
        }
        return unfinished == 0
    }

    func end(_ reason: EngineEnd.Reason) -> EngineEnd {
        EngineEnd(
            key: key, reason: reason, promptTokens: UInt32(clamping: prefillTokens), cachedTokens: 0,
            outputTokens: UInt32(clamping: outputTokens))
    }
}

/// One choice of it: a text, and where it ends.
struct MockChoice {
    let number: UInt8
    let start: UInt32
    let logprobOffset: UInt32
    private let minimum: UInt32
    /// One behind the last position.
    let end: UInt32
    /// Whether the text ends there by itself, or is cut.
    private let endsNaturally: Bool
    private var text: MockText
    private(set) var position: UInt32
    private(set) var isFinished = false

    init(_ choice: EngineChoice, text: MockText, ignoresEnd: Bool, mostPositions: UInt32) {
        number = choice.choice
        start = UInt32(clamping: choice.shown.count)
        position = start
        logprobOffset = choice.logprobOffset
        minimum = start.addingClamped(choice.minTokens)
        self.text = text
        let natural = max(text.naturalLength, minimum)
        switch choice.maxTokens {
        case let most?:
            end = min(start.addingClamped(most), mostPositions)
            endsNaturally = false
        case nil where ignoresEnd:
            end = mostPositions
            endsNaturally = false
        case nil:
            end = min(natural, mostPositions)
            endsNaturally = natural <= mostPositions
        }
    }

    mutating func next(stopTokens: [TokenID]) -> (TokenID, EngineFinish?) {
        let isLast = position &+ 1 == end
        let token = isLast && endsNaturally ? MockText.endOfText : text.token(at: position)
        position &+= 1
        var finish: EngineFinish?
        if isLast { finish = endsNaturally ? .endOfText : .length }
        if !stopTokens.isEmpty, position >= minimum, token != MockText.endOfText, stopTokens.contains(token) { finish = .stopToken }
        isFinished = finish != nil
        return (token, finish)
    }

    mutating func stop() { isFinished = true }

    /// The token itself, then candidates in falling order, the token first among them.
    func score(_ token: TokenID, at position: UInt32, tops: Int, into output: inout StepOutput) {
        var draw = text.draw(at: position)
        let run = output.runs.count - 1
        output.runs[run].firstLogprob = Int32(truncatingIfNeeded: output.logprobs.count)
        output.runs[run].topCount = Int32(truncatingIfNeeded: tops)
        var logprob = -Float(draw.next() % 1_000) / 1_000
        output.logprobs.append(ScoredToken(token: token, logprob: logprob))
        for place in 0..<tops {
            // The printable bytes behind the token's own, so that no candidate comes twice.
            let candidate = place == 0 ? token : 0x20 + (token &- 0x20 &+ TokenID(place)) % 95
            output.logprobs.append(ScoredToken(token: candidate, logprob: logprob))
            logprob -= 0.125 + Float(draw.next() % 1_000) / 1_000
        }
    }
}

extension UInt32 {
    fileprivate func addingClamped(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
