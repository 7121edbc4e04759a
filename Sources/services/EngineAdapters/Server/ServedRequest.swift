import ClusterModel
package import Engines
import EventLoop

/// One request of an engine at its server: an answer for each of its choices, and one end.
@LoopActor
final class ServedRequest: ServedChoiceOwner {
    let request: EngineRequest
    private(set) var choices: [ServedChoice] = []
    private let news: ServerNews
    private let blockSize: Int
    private let loop: Loop
    /// Told once, with the problem that ended it, if there was one.
    private let whenEnded: (ServedRequest, ServerProblem?) -> Void
    /// What the server is believed to find, until it says what it has found.
    var expectedCachedTokens: UInt32 = 0
    private var hasStarted = false
    private(set) var hasEnded = false
    private var handOver: [UInt8] = []
    private var blocks: UInt32 = 0

    init(
        _ request: EngineRequest, blockSize: UInt32, news: ServerNews, loop: Loop,
        whenEnded: @escaping (ServedRequest, ServerProblem?) -> Void
    ) {
        self.request = request
        self.blockSize = Int(blockSize)
        self.news = news
        self.loop = loop
        self.whenEnded = whenEnded
    }

    /// Asks for all choices.
    func begin(_ server: EngineServer, _ dialect: any ServerDialect, vocabularySize: UInt32, id: String) {
        news.use(of: request.rank) { use in
            use.waiting += 1
            use.waitingTokens += work
        }
        do throws(ServerProblem) {
            for choice in request.choices {
                let id = "\(id)-\(choice.choice)", room = request.room(for: choice)
                guard room > 0 else { throw .unsupported("maxTokens") }
                let question = try dialect.question(for: choice, of: request, id: id)
                choices.append(
                    ServedChoice(choice, question, id: id, room: room, vocabularySize: vocabularySize, loop: loop, owner: self))
            }
        } catch { return end(.failed(error.fault), error) }
        // The choices themselves: what ends the request while they begin ends the loop.
        for choice in choices where !hasEnded {
            if !choice.start(server) { end(.failed(.capacity), nil) }
        }
    }

    /// Ends one choice, or all with nil. What the server may still be working on, by its names for it.
    func cancel(choice number: UInt8?) -> [String] {
        guard !hasEnded else { return [] }
        let dropped = choices.filter { (number == nil || $0.number == number) && $0.drop() }.map(\.id)
        if choices.allSatisfy(\.isOver) { end(.cancelled, nil) }
        return dropped
    }

    func fail(_ problem: ServerProblem) { end(.failed(problem.fault), problem) }

    // MARK: ServedChoiceOwner

    func choice(_ choice: ServedChoice, said part: borrowing AnswerPart) {
        guard !hasEnded else { return }
        if !part.handOver.isEmpty { handOver = part.handOver }
        // Both legs produce the first token, and sampling may differ: where the state goes elsewhere, so does the word about that token.
        let isWithheld = request.leg == .prefill && part.finish ?? .length == .length
        if !part.tokens.isEmpty || part.finish != nil {
            start(choice)
            if !isWithheld { tell(choice, part) }
        }
    }

    /// The state is on its way as soon as the other server is asked: this leg has done its part, and its server goes on with it.
    func choice(_ choice: ServedChoice, meets parameters: [UInt8]) {
        guard !hasEnded else { return }
        handOver = parameters
        hold()
        let news = news, rank = request.rank, blocks = blocks
        self.blocks = 0
        news.use(of: rank) { $0.running += 1 }
        choice.leave {
            news.use(of: rank) { use in
                use.running -= 1
                use.blocks -= blocks
            }
            news.add { _ in }  // loads have changed
        }
        conclude()
    }

    func choice(_ choice: ServedChoice, ended problem: ServerProblem?) {
        guard !hasEnded else { return }
        if let problem { return end(.failed(problem.fault), problem) }
        if choices.allSatisfy(\.isOver) { conclude() }
    }

    // MARK: What is told

    /// Tokens that its server has to compute before the first one; those of a decode leg come from elsewhere.
    private var work: UInt64 { request.leg == .decode ? 0 : UInt64(request.prefillTokens) }

    private func start(_ choice: ServedChoice) {
        guard !hasStarted else { return }
        hasStarted = true
        news.use(of: request.rank) { use in
            use.waiting -= 1
            use.waitingTokens -= work
            use.running += 1
        }
        hold()
        let cached = min(choice.cachedTokens ?? expectedCachedTokens, UInt32(clamping: request.prefillTokens))
        news.add { output in
            output.events.append(.started(request.key, cachedTokens: cached))
            output.events.append(.prefillDone(request.key))
            output.prefillTokens += Int(work - min(work, UInt64(cached)))
        }
    }

    private func tell(_ choice: ServedChoice, _ part: borrowing AnswerPart) {
        let key = request.key, position = choice.position, number = choice.number
        news.add { output in
            guard !part.logprobs.isEmpty else {
                output.runs.append(
                    TokenRun(
                        key: key, position: position, choice: number, finish: part.finish,
                        first: Int32(truncatingIfNeeded: output.tokens.count), count: Int32(truncatingIfNeeded: part.tokens.count)))
                return output.tokens.append(contentsOf: part.tokens)
            }
            // Places may differ in how many candidates they have: a run for each.
            for (index, token) in part.tokens.enumerated() {
                let logprob = part.logprobs[index], isLast = index == part.tokens.count - 1
                output.append(
                    token, of: key, choice: number, position: position + UInt32(clamping: index), finish: isLast ? part.finish : nil)
                output.runs[output.runs.count - 1].firstLogprob = Int32(truncatingIfNeeded: output.logprobs.count)
                output.runs[output.runs.count - 1].topCount = Int32(truncatingIfNeeded: logprob.top.count)
                output.logprobs.append(logprob.chosen)
                output.logprobs.append(contentsOf: logprob.top)
            }
        }
        choice.told(part.tokens.count)
        hold()
    }

    /// Blocks that it takes by our count: its prompt once, and the output of each choice.
    private func hold() {
        let tokens = request.prefillTokens + choices.reduce(0) { $0 + Int($1.produced) }
        let now = UInt32(clamping: (tokens + blockSize - 1) / blockSize)
        guard now != blocks else { return }
        news.use(of: request.rank) { $0.blocks = $0.blocks - blocks + now }
        blocks = now
    }

    // MARK: Ends

    private func conclude() {
        if request.leg == .prefill, handOver.isEmpty, !choices.contains(where: { $0.produced > 0 }) {
            return fail(.malformed("the server gave no parameters of a hand-over"))
        }
        end(request.leg == .prefill && !handOver.isEmpty ? .handedOver : .finished, nil)
    }

    private func end(_ reason: EngineEnd.Reason, _ problem: ServerProblem?) {
        guard !hasEnded else { return }
        hasEnded = true
        for choice in choices { choice.drop() }
        news.use(of: request.rank) { use in
            use.blocks -= blocks
            if hasStarted {
                use.running -= 1
            } else {
                use.waiting -= 1
                use.waitingTokens -= work
            }
        }
        let found = hasStarted ? expectedCachedTokens : 0
        var end = EngineEnd(
            key: request.key, reason: reason,
            promptTokens: UInt32(clamping: request.prefillTokens),
            cachedTokens: min(choices.compactMap(\.cachedTokens).min() ?? found, UInt32(clamping: request.prefillTokens)),
            outputTokens: choices.reduce(0) { $0 + $1.produced })
        if reason == .handedOver { end.handOver = handOver }
        news.add { $0.ends.append(end) }
        whenEnded(self, problem)
    }
}

extension EngineRequest {
    /// Tokens that a choice may still have; a prefill leg has the first one only.
    package func room(for choice: EngineChoice) -> Int {
        let free = contextLimit - prompt.count - choice.shown.count
        return min(free, leg == .prefill ? 1 : choice.maxTokens.map(Int.init) ?? free)
    }
}
