import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol
import WorkerService

@Suite("Requests at a worker")
struct RequestTests {
    @Test(
        "a request is accepted, started, prefilled, streamed and ended, in that order, and the stream tells the router",
        arguments: 1...3 as ClosedRange<UInt64>)
    func whole(seed: UInt64) throws {
        let bed = try WorkerBed(seed: seed)
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(5, maxTokens: 20))
        try front.finish(5)
        #expect(front.story(5) == ["accepted", "started", "prefilled"] + (0..<19).map { "1@\($0)" } + ["1@19 length", "ended 1"])
        #expect(front.faults == [])
        let ended = try #require(front.ended(5))
        #expect(ended.promptTokens == 20 && ended.outputTokens == 20 && ended.cachedTokens == 0)
        #expect(ended.durations.prefillMicroseconds == 2_000)
        #expect(ended.durations.decodeMicroseconds == 190_000)
        bed.pass(.seconds(1))
        // 20 prompt tokens in blocks of 16 leave room for 12 more before another block is needed.
        #expect(bed.router.story(of: 51) == ["accepted", "started", "prefilled", "grown 1", "ended 1"])
        #expect(bed.router.faults == [])
        #expect(bed.router.lastLoad?.runningRequests == 0 && bed.router.lastLoad?.activeBlocks == 0)
        #expect(bed.isAtRest)
        #expect(bed.count("apus_worker_output_tokens_total") == "20")
    }

    @Test(
        "output has the form that an entry gives it; a form that the engine cannot keep is refused before it is accepted, with the reason")
    func constraints() throws {
        let bed = try WorkerBed()
        try bed.registered()
        #expect(bed.card.capabilities.contains(.constraints))
        let front = try bed.frontend()
        func constrain(_ counter: UInt64, _ kind: ConstraintKind, _ source: String) throws {
            front.generate(front.entry(counter, maxTokens: 0) { $0.constraint = Constraint(kind: kind, source: Array(source.utf8)) })
            try front.finish(counter)
        }
        func text(_ counter: UInt64) -> String {
            String(decoding: front.tokens(counter).dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
        try constrain(1, .jsonSchema, #"{"type":"array","prefixItems":[{"const":"a"},{"const":[]}],"minItems":2}"#)
        #expect(text(1) == #"["a",[]]"#)
        try constrain(2, .choice, #"["yes"]"#)
        #expect(text(2) == "yes" && front.ended(2)?.outputTokens == 4)
        try constrain(3, .jsonObject, "")
        #expect(text(3).hasPrefix("{"))
        let refused: [(ConstraintKind, String, String)] = [
            (
                .jsonSchema, #"{"properties":{"zip":{"pattern":"(secret)"}}}"#,
                "the simulated engine cannot keep this pattern, at #/properties/zip/pattern"
            ),
            (.regex, "a+", "the simulated engine keeps no regular expression"),
            (.grammar, "root ::= x", "the simulated engine keeps no grammar"),
        ]
        for (counter, (kind, source, reason)) in zip(UInt64(4)..., refused) {
            try constrain(counter, kind, source)
            let status = try #require(front.refused(counter))
            #expect(status.failure.code == .invalidArgument && status.failure.field == "constraint" && status.failure.reason == reason)
        }
        #expect(bed.isAtRest && front.faults == [])
    }

    @Test("a request for an embedding is answered with one vector of length 1 and the prompt's tokens as usage, and with no token")
    func embedding() throws {
        let bed = try WorkerBed()
        try bed.registered()
        #expect(bed.card.capabilities.contains(.embeddings) && bed.card.embeddingDimensions == 256)
        let front = try bed.frontend()
        for counter in 1...2 as ClosedRange<UInt64> {
            front.generate(front.entry(counter, prompt: 40) { $0.task = .embed })
            try front.finish(counter)
            #expect(front.story(counter) == ["accepted", "started", "prefilled", "ended 1"])
            #expect(front.ended(counter)?.promptTokens == 40 && front.ended(counter)?.outputTokens == 0)
        }
        var vectors: [[UInt8]] = []
        for case .status(.embeddingStatus(let status)) in front.heard { vectors.append(status.vector) }
        #expect(vectors.count == 2 && vectors.first == vectors.last && vectors.first?.count == 4 * 256)
        var length: Float = 0
        for place in stride(from: 0, to: vectors.first?.count ?? 0, by: 4) {
            var bits: UInt32 = 0
            for byte in vectors[0][place..<place + 4].reversed() { bits = bits << 8 | UInt32(byte) }
            let number = Float(bitPattern: bits)
            length += number * number
        }
        #expect(abs(length - 1) < 1e-5)
        #expect(bed.isAtRest)
    }

    @Test("the tokens of all requests of a frontend come in one message a step")
    func batches() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 30), front.entry(2, maxTokens: 30), front.entry(3, maxTokens: 30))
        try bed.until("all ended") { (1...3).allSatisfy { front.ended($0) != nil } }
        #expect(front.tokenBatches == 30)
        var steps: [UInt64] = []
        for case .frame(_, let step) in front.heard { steps.append(step) }
        #expect(steps == steps.sorted() && Set(steps).count == 30)
    }

    @Test("an engine that finds out later that a choice has ended says so without a token")
    func endsLater() throws {
        let bed = try WorkerBed { $0.engine = .scripted(CacheScript(), endsLater: true) }
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 3))
        try bed.until("ended") { front.ended(1) != nil }
        var frames: [TokenFrame] = []
        for case .frame(let frame, _) in front.heard { frames.append(frame) }
        #expect(frames.map(\.tokens.count) == [1, 1, 1, 0] && frames.map(\.finish) == [nil, nil, nil, .length])
        #expect(frames.map(\.firstPosition) == [0, 1, 2, 3] && front.ended(1)?.outputTokens == 3)
    }

    @Test("a worker that records no traces tells its engine of the caller's, and of nothing that is none")
    func traceParents() throws {
        let script = CacheScript(), header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let bed = try WorkerBed { $0.engine = .scripted(script) }
        try bed.registered()
        let front = try bed.frontend()
        // A later version's, of which this one knows the beginning.
        let later = "01" + header.dropFirst(2) + "-more"
        for (counter, text) in zip(UInt64(1)..., ["", "rubbish", header, later]) {
            front.generate(front.entry(counter) { $0.traceParent = text })
            try front.finish(counter)
        }
        #expect(script.traceParents == ["", "", header, header])
    }

    @Test("a long prompt is computed in chunks, and says how far it is")
    func chunks() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, prompt: 600, maxTokens: 1))
        try front.finish(1)
        #expect(front.story(1) == ["accepted", "started", "progress 256", "progress 512", "prefilled", "1@0 length", "ended 1"])
        bed.pass(.seconds(1))
        #expect(bed.router.story(of: 11) == ["accepted", "started", "progress", "progress", "prefilled", "ended 1"])
    }

    @Test("choices of one request come apart, and a continued request goes on where it was")
    func continuation() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 20) { $0.choices = 2 })
        try front.finish(1)
        let first = front.tokens(1, choice: 0), second = front.tokens(1, choice: 1)
        #expect(first.count == 20 && second.count == 20 && first != second)
        front.generate(
            front.entry(2, attempt: 2, maxTokens: 20) {
                $0.choices = 2
                $0.sampling.seed = 1
                var shown = ContinuedChoice(), done = ContinuedChoice()
                shown.choice = 1
                shown.shownTokens = Array(second[..<7])
                shown.remainingMaxTokens = 13
                done.choice = 0
                done.finished = true
                done.shownTokens = first
                $0.continuation = [shown, done]
            })
        try front.finish(2, attempt: 2)
        #expect(front.tokens(2, attempt: 2, choice: 1) == Array(second[7...]))
        #expect(front.tokens(2, attempt: 2, choice: 0) == [])
        #expect(front.story(2, attempt: 2).contains("1@7"))
        #expect(front.ended(2, attempt: 2)?.promptTokens == 27)
    }

    @Test("logprobs come with their tokens")
    func logprobs() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 3) { $0.sampling.topLogprobs = 4 })
        try front.finish(1)
        var seen = 0
        for case .frame(let frame, _) in front.heard {
            seen += 1
            #expect(frame.logprobs?.first?.top.count == 4)
            #expect(frame.logprobs?.first?.top.first?.token == frame.tokens.first)
        }
        #expect(seen == 3)
    }

    // MARK: At most once

    @Test("an attempt that was seen is a duplicate while it runs, after its end, after a refusal; a lower one too; for a minute")
    func duplicates() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, attempt: 2, maxTokens: 100))
        bed.pass(.milliseconds(50))
        front.generate(front.entry(1, attempt: 2), front.entry(1, attempt: 1))
        bed.pass(.milliseconds(50))
        #expect(front.refused(1, attempt: 2)?.failure.code == .duplicate)
        #expect(front.refused(1, attempt: 1)?.failure.code == .duplicate)
        #expect(bed.on { $0.openRequests } == 1)
        try bed.until("its own end") { front.ended(1, attempt: 2)?.reason == .finished }
        #expect(front.tokens(1, attempt: 2).count == 100)
        front.generate(front.entry(7) { $0.rank = 9 })
        bed.pass(.milliseconds(50))
        #expect(front.refused(7)?.failure.code == .invalidArgument)
        front.generate(front.entry(7))
        bed.pass(.seconds(59))
        #expect(front.refused(7)?.failure.code == .duplicate)
        front.generate(front.entry(1, attempt: 2))
        bed.pass(.milliseconds(50))
        #expect(front.story(1, attempt: 2).suffix(1) == ["refused 11"])
        bed.pass(.seconds(62))
        front.generate(front.entry(1, attempt: 2, maxTokens: 2))
        try bed.until("a new start") { front.story(1, attempt: 2).suffix(1) == ["ended 1"] }
    }

    @Test("two frontends may use the same counters")
    func origins() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let one = try bed.frontend(), other = try bed.frontend("other", id: 0xF2, generation: 0xAC)
        one.generate(one.entry(1, lease: 5))
        other.generate(other.entry(1, lease: 6))
        try one.finish(1)
        try other.finish(1)
        #expect(one.story(1) == other.story(1))
        #expect(one.faults == [] && other.faults == [])
    }

    @Test("a higher attempt ends the lower one first, and takes its room")
    func superseded() throws {
        let bed = try WorkerBed(engine: .worker(sequences: 1))
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 1_000))
        bed.pass(.milliseconds(200))
        front.generate(front.entry(1, attempt: 2, maxTokens: 4))
        try front.finish(1, attempt: 2)
        #expect(front.ended(1)?.reason == .superseded)
        #expect(front.ended(1, attempt: 2)?.reason == .finished)
        var order: [String] = []
        for case .status(let status) in front.heard {
            if case .endedStatus(let ended) = status, ended.attempt == 1 { order.append("ended 1") }
            if case .acceptedStatus(let accepted) = status, accepted.attempt == 2 { order.append("accepted 2") }
        }
        #expect(order == ["ended 1", "accepted 2"])
        #expect(bed.isAtRest)
    }

    // MARK: Cancel

    @Test(
        "cancelled at any moment, a request ends once, nothing follows, and its room is free", arguments: [0, 1, 5, 15, 30, 60, 200, 400])
    func cancel(milliseconds: Int64) throws {
        let bed = try WorkerBed(seed: UInt64(milliseconds), engine: .worker(sequences: 1))
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, prompt: 500, maxTokens: 1_000), front.entry(2, prompt: 500, maxTokens: 1_000))
        bed.pass(.milliseconds(milliseconds))
        front.cancel(1)
        front.cancel(2)
        bed.pass(.milliseconds(200))
        for counter in [1, 2] as [UInt64] {
            #expect(front.ended(counter)?.reason == .cancelled)
            #expect(front.story(counter).last == "ended 3")
            #expect(front.ended(counter)?.outputTokens == UInt32(front.tokens(counter).count))
        }
        #expect(bed.isAtRest)
        front.generate(front.entry(3))
        try front.finish(3)
        #expect(front.ended(3)?.reason == .finished)
    }

    @Test("a cancel that comes first is remembered for a minute")
    func cancelFirst() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.cancel(1, attempt: 2)
        bed.pass(.seconds(30))
        front.generate(front.entry(1, attempt: 1), front.entry(1, attempt: 2), front.entry(1, attempt: 3, maxTokens: 2))
        try front.finish(1, attempt: 3)
        #expect(front.refused(1, attempt: 1)?.failure.code == .cancelled)
        #expect(front.refused(1, attempt: 2)?.failure.code == .cancelled)
        #expect(front.ended(1, attempt: 3)?.reason == .finished)
        front.cancel(2)
        bed.pass(.seconds(61))
        front.generate(front.entry(2, maxTokens: 2))
        try front.finish(2)
        #expect(front.ended(2)?.reason == .finished)
    }

    @Test("one choice is cancelled alone; the last one ends the request")
    func cancelChoice() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 200) { $0.choices = 2 })
        bed.pass(.milliseconds(300))
        front.cancel(1, choice: 1)
        bed.pass(.milliseconds(50))
        let silenced = front.tokens(1, choice: 1).count
        bed.pass(.milliseconds(300))
        #expect(front.tokens(1, choice: 1).count == silenced)
        #expect(front.tokens(1, choice: 0).count > silenced)
        front.cancel(1, choice: 0)
        try front.finish(1)
        #expect(front.ended(1)?.reason == .cancelled)
        #expect(bed.isAtRest)
    }

    // MARK: Limits

    @Test("past a limit that came with it a request ends timedOut", arguments: ["total", "first", "silence"])
    func limits(which: String) throws {
        let bed = try WorkerBed(engine: .worker(sequences: 1, step: .milliseconds(which == "silence" ? 600 : 10)))
        try bed.registered()
        let front = try bed.frontend()
        // The first one keeps the only place.
        front.generate(front.entry(1, maxTokens: which == "silence" ? 1 : 4_000))
        front.generate(
            front.entry(2, maxTokens: 1_000) {
                switch which {
                case "total": $0.remainingMilliseconds = 500
                case "first": $0.firstTokenMilliseconds = 300
                default: $0.silenceMilliseconds = 500
                }
            })
        try front.finish(2)
        #expect(front.ended(2)?.reason == .timedOut)
        #expect(front.ended(2)?.failure?.code == .timeout)
        if which == "silence" { #expect(front.tokens(2).count > 0) }
        front.cancel(1)
        bed.pass(.seconds(1))
        #expect(bed.isAtRest)
    }

    // MARK: Refusals

    @Test("a prompt may fill the context where no token is asked for behind it, and the least share of tokens is one")
    func edges() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend(), context = Int(bed.card.contextLength)
        func refusal(_ counter: UInt64, _ change: (inout GenerateEntry) -> Void) throws -> FailureCode? {
            front.generate(front.entry(counter, maxTokens: 1, change))
            try front.finish(counter)
            return front.refused(counter)?.failure.code
        }
        func fill(_ tokens: Int, _ task: RequestTask) -> (inout GenerateEntry) -> Void {
            return { entry in
                entry.task = task
                entry.promptTokens = Array(repeating: 1, count: tokens)
            }
        }
        #expect(try refusal(1, fill(context, .embed)) == nil)
        #expect(try refusal(2, fill(context + 1, .embed)) == .promptTooLong)
        #expect(try refusal(3, fill(context - 1, .generate)) == nil)
        #expect(try refusal(4, fill(context, .generate)) == .promptTooLong)
        #expect(try refusal(5) { $0.sampling.topP = 1e-6 } == nil)
        #expect(bed.isAtRest && front.faults == [])
    }

    @Test("what cannot be served is refused with a code and the field")
    func refusals() throws {
        // One that can do little.
        var engine = MockConfiguration.worker()
        engine.prefixCaching = false
        engine.embeddingDimensions = 0
        engine.constraints = false
        let bed = try WorkerBed(engine: engine)
        try bed.registered()
        let front = try bed.frontend()
        let cases: [(String, FailureCode, (inout GenerateEntry) -> Void)] = [
            ("pool", .unknownModel, { $0.pool = Digest() }), ("rank", .invalidArgument, { $0.rank = 1 }),
            ("choices", .invalidArgument, { $0.choices = 0 }), ("choices", .invalidArgument, { $0.choices = 17 }),
            ("promptTokens", .invalidArgument, { $0.promptTokens = [] }),
            ("promptTokens", .invalidArgument, { $0.promptTokens[3] = 259 }),
            ("promptTokens", .promptTooLong, { $0.promptTokens = Array(repeating: 1, count: 4_096) }),
            ("task", .invalidArgument, { $0.task = .embed }), ("leg", .incompatibleKV, { $0.leg = .decode }),
            ("loRA", .unknownModel, { $0.loRA = "x" }), ("salt", .invalidArgument, { $0.salt = [1, 2, 3] }),
            ("multimodal", .invalidArgument, { $0.multimodal = [MultimodalItem(hash: 1, firstToken: 0, tokenCount: 1)] }),
            ("constraint", .invalidArgument, { $0.constraint = Constraint(kind: .jsonObject, source: []) }),
            ("session", .sessionUnsupported, { $0.session = SessionKey(tenant: "", id: "s") }),
            ("topLogprobs", .invalidArgument, { $0.sampling.topLogprobs = 33 }),
            ("promptLogprobs", .invalidArgument, { $0.sampling.promptLogprobs = 0 }),
            ("temperature", .invalidArgument, { $0.sampling.temperature = -1 }), ("topP", .invalidArgument, { $0.sampling.topP = 0 }),
            ("minTokens", .invalidArgument, { $0.sampling.minTokens = 9 }),
            ("room", .incompatibleKV, { $0.room = RoomPlan() }), ("handOver", .incompatibleKV, { $0.handOver = [1] }),
            ("continuation", .invalidArgument, { $0.continuation = [ContinuedChoice(), ContinuedChoice()] }),
            (
                "continuation", .invalidArgument,
                {
                    $0.continuation = [ContinuedChoice()]; $0.continuation[0].finished = true
                }
            ),
            ("remainingMaxTokens", .invalidArgument, { $0.continuation = [ContinuedChoice()] }),
            (
                "shownTokens", .invalidArgument,
                {
                    $0.continuation = [ContinuedChoice()]
                    $0.continuation[0].shownTokens = [4_000_000_000]
                }
            ),
        ]
        for (index, (field, code, change)) in cases.enumerated() {
            let counter = UInt64(100 + index)
            front.generate(front.entry(counter, change))
            try front.finish(counter)
            let refused = try #require(front.refused(counter), "case \(index), \(field)")
            #expect(refused.failure.code == code, "case \(index), \(field)")
            #expect(refused.failure.field == field)
            #expect(front.story(counter) == ["refused \(code.rawValue)"])
        }
        for attempt in [0, 4, 255] as [UInt8] {
            front.generate(front.entry(90, attempt: attempt))
            try front.finish(90, attempt: attempt)
            #expect(front.refused(90, attempt: attempt)?.failure.field == "attempt")
        }
        // An attempt out of range makes no later one a duplicate.
        front.generate(front.entry(90))
        try front.finish(90)
        #expect(front.ended(90)?.reason == .finished)
        #expect(bed.isAtRest)
    }

    @Test("a full queue is refused with capacity and the load; a place that is given back is taken again")
    func capacity() throws {
        let bed = try WorkerBed(engine: .worker(sequences: 1, waiting: 3))
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 1_000))
        bed.pass(.milliseconds(100))
        front.generate(front.entry(2), front.entry(3), front.entry(4), front.entry(5))
        bed.pass(.milliseconds(20))
        let refused = try #require(front.refused(5))
        #expect(refused.failure.code == .capacity)
        // Three prompts of 20 tokens wait, of each of which the first 16 are cached by the one that runs.
        #expect(refused.load.waitingRequests == 3 && refused.load.runningRequests == 1 && refused.load.waitingTokens == 12)
        front.cancel(2)
        front.generate(front.entry(6))
        bed.pass(.milliseconds(20))
        #expect(front.story(6) == ["accepted"])
    }

    @Test("a rank with more waiting tokens than the router believed, and one batch, refuses once; without the flag it takes the request")
    func overbooked() throws {
        let bed = try WorkerBed(engine: .worker(sequences: 1))
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 1_000))
        bed.pass(.milliseconds(100))
        front.generate(front.entry(2, prompt: 300))
        // Of 300 tokens 16 are cached, so 284 wait: 27 were believed, and a batch has 256.
        front.generate(
            front.entry(3) {
                $0.refuseOverbooked = true; $0.waitingTokens = 27
            })
        front.generate(
            front.entry(4) {
                $0.refuseOverbooked = true; $0.waitingTokens = 28
            })
        front.generate(front.entry(5) { $0.waitingTokens = 0 })
        bed.pass(.milliseconds(20))
        let refused = try #require(front.refused(3))
        #expect(refused.failure.code == .overbooked)
        #expect(refused.load.waitingTokens == 284)
        #expect(front.story(4) == ["accepted"])
        #expect(front.story(5) == ["accepted"])
        bed.pass(.milliseconds(100))
        #expect(refused.streamNumber > 0 && refused.streamNumber <= bed.router.lastSequence)
    }
}
