import ClusterModel
import EventLoop

import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Two legs speak in any order, and the client gets one text")
struct LegOrderTests {
    // MARK: Kept frames

    /// The decode leg does not repeat the first token, and its frames come before the prefill leg's.
    private func late(_ bed: SplitBed, _ prefill: @escaping @Sendable @LoopActor (Job) -> Void) {
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.after(.milliseconds(100), prefill)
        }
    }

    @Test("what comes before the prefill leg's token is kept until that is there", arguments: [1, 2])
    func kept(choices: Int) {
        let bed = SplitBed(), client = bed.scene.chat(#","n":\#(choices),"logprobs":true"#)
        late(bed) { job in
            for choice in 0..<job.entry.choices {
                job.say("h", choice: choice, logprobs: [TokenLogprob(chosen: -0.5, top: [])])
            }
            job.end(.handedOver)
        }
        bed.script(2) { job in
            job.accept()
            job.start()
            for choice in 0..<job.entry.choices {
                job.frame("ell", choice: choice, at: 1)
                job.frame("o", choice: choice, at: 4, finish: .endOfText)
            }
            job.end(.finished)
        }
        bed.scene.pass(.milliseconds(50))
        #expect(client.text == "" && bed.scene.service { $0.keptFrames } == 2 * choices)
        bed.expectWhole(client)
        client { answer in for choice in 0..<choices { #expect(answer.text(choice) == SplitBed.text) } }
        #expect(bed.asked.count == 1)
    }

    @Test(
        "a prefill leg that ends without the token that it owed: what was kept is worth nothing, and the next attempt begins anew",
        arguments: [0, 1, 2])
    func neverCame(how: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        late(bed) { job in
            switch how {
            case 0: job.end(.handedOver)
            case 1: job.end(.failed, .engineFailed)
            default: job.link.abort()
            }
        }
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.frame("ello", at: 1, finish: .endOfText)
        }
        bed.expectWhole(client)
        #expect(bed.asked.count == 2)
    }

    @Test("a hole in what one leg sends is a loss, whatever the other one owes")
    func hole() {
        let bed = SplitBed(), client = bed.scene.chat()
        late(bed) { $0.say("h") }
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.frame("e", at: 1)
            job.frame("lo", at: 3, finish: .endOfText)
        }
        bed.expectWhole(client)
        #expect(bed.asked.count == 2 && bed.scene.metric(#"apus_frontend_attempts_failed_total{reason="tokens_lost"}"#) == 1)
        #expect(
            bed.scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } }.last { $0.attempt == 2 }?.continuation.first?
                .shownTokens
                .count == 2)
    }

    @Test("a leg may keep no more frames waiting than a request may have", arguments: [10, 200])
    func bounded(most: Int) {
        let bed = SplitBed(), client = bed.scene.chat(#","max_tokens":\#(most)"#)
        late(bed) { _ in }
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            for _ in 0...most { job.frame("xx", at: 1) }
        }
        bed.expectWhole(client)
        #expect(bed.worker(2).on { $0.ends.count } == 1)
    }

    // MARK: The first token ends it

    @Test("the first token ends every choice: the decode leg is not waited for", arguments: [HandOverPath.concurrent, .sequential])
    func endsAtOnce(path: HandOverPath) {
        let bed = SplitBed(path), client = bed.scene.chat(stream: false)
        bed.script(1) { job in
            job.accept()
            job.say("", finish: .endOfText)
            job.end(.handedOver) { $0.handOver = [1] }
        }
        bed.script(2) { $0.accept() }
        bed.scene.finish(client) { #expect($0.finish() == "stop" && $0.status == 200) }
        #expect(bed.asked.count == 1 && bed.cancels(2).isEmpty && bed.scene.held == [])
    }

    @Test("a stop text in the first token: the engine does not know, so both legs are told")
    func stopText() {
        let bed = SplitBed(), client = bed.scene.chat(#","stop":"h""#)
        bed.scene.finish(client) { #expect($0.finish() == "stop" && $0.text() == "") }
        #expect(bed.scene.held == [])
        #expect(bed.cancels(2).map(\.reason) == [.stopMatched] && bed.cancels(1).map(\.reason) == [.stopMatched])
    }

    @Test("sequential: a choice that the first token ended is not asked for again")
    func finishedChoice() {
        let bed = SplitBed(.sequential), client = bed.scene.chat(#","n":2"#)
        bed.script(1) { job in
            job.accept()
            job.say("", choice: 0, finish: .endOfText)
            job.say("h", choice: 1)
            job.end(.handedOver) { $0.handOver = SplitBed.state }
        }
        bed.script(2) { job in
            job.accept()
            job.say("hello", choice: 1, finish: .endOfText)
            job.end(.finished)
        }
        bed.scene.finish(client) { #expect($0.text(0) == "" && $0.text(1) == "hello") }
        #expect(bed.entry(2, 0).continuation.map(\.finished) == [true, false])
        // Both begin where the attempt began.
        #expect(bed.entry(2, 0).continuation.map(\.shownTokens.count) == [0, 0])
    }

    @Test("both legs at one worker: two legs there, and one cancel ends both")
    func oneWorker() {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.scene.router { $0.plan = { router, entry in router.split(entry, prefill: 1, decode: 1) } }
        bed.expectWhole(client)
        #expect(bed.entries(1).map(\.leg) == [.decode, .prefill])
        bed.script(1) { $0.accept() }
        let other = bed.scene.chat()
        bed.scene.run { bed.entries(1).count == 4 }
        #expect(bed.scene.service { $0.legsAtWorkers } == 2 && bed.scene.service { $0.requestsAtWorkers } == 1)
        other { $0.leave() }
        bed.scene.pass(.milliseconds(2))
        #expect(bed.cancels(1).count == 1)
        #expect(bed.scene.held == [])
    }

    // MARK: Any order

    /// What a leg says, one thing after the other, at times of its own; perhaps it fails on the way.
    @LoopActor
    private static func speak(_ job: Job, _ lines: [@LoopActor (Job) -> Void], _ random: inout SeededRandom) {
        var at = Duration.zero
        let breaks = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 0..<lines.count, using: &random) : nil
        let end = Int.random(in: 0..<4, using: &random)
        for (index, line) in lines.enumerated() {
            at += .microseconds(Int64.random(in: 0...4_000, using: &random))
            guard index == breaks else {
                job.after(at, line)
                continue
            }
            return job.after(at) { job in
                switch end {
                case 0: job.end(.failed, .stalled)
                case 1: job.end(.drained)
                case 2: job.end(job.entry.leg == .decode ? .prefillLost : .failed, .roomClosed)
                default: job.link.abort()
                }
            }
        }
    }

    /// The rest of a text in pieces of any size.
    @LoopActor
    private static func pieces(_ job: Job, _ choice: UInt8, repeatsFirst: Bool, _ random: inout SeededRandom) -> [@LoopActor (Job) -> Void]
    {
        let text = SplitBed.text
        var at = job.positions[Int(choice)] + (repeatsFirst ? 0 : 1), lines: [@LoopActor (Job) -> Void] = []
        while at < text.count {
            let from = at, count = Int.random(in: 1...(text.count - at), using: &random), piece = String(text.dropFirst(from).prefix(count))
            at += count
            let isLast = at == text.count
            lines.append { $0.frame(piece, choice: choice, at: from, finish: isLast ? .endOfText : nil) }
        }
        return lines
    }

    @LoopActor
    private static func lines(_ job: Job, _ random: inout SeededRandom) -> [@LoopActor (Job) -> Void] {
        var lines: [@LoopActor (Job) -> Void] = [{ $0.accept() }, { $0.start() }]
        switch job.entry.leg {
        case .prefill:
            lines += [{ $0.prefillDone(after: 1) }, { SplitBed.firstTokens($0) }, { SplitBed.handOver($0) }]
        case .decode, .aggregated:
            let repeats = job.entry.leg == .aggregated || job.entry.room == nil || Bool.random(using: &random)
            for choice in 0..<job.entry.choices { lines += pieces(job, choice, repeatsFirst: repeats, &random) }
            lines.append { $0.end(.finished) }
        }
        return lines
    }

    @Test(
        "whatever comes first, and whatever fails: the text is exact or the error has a name, and nothing is held",
        arguments: 0..<150 as Range<UInt64>)
    func anyOrder(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let path: HandOverPath = Bool.random(using: &random) ? .concurrent : .sequential, choices = Int.random(in: 1...3, using: &random)
        let bed = SplitBed(path, seed: seed), dice = Box(random)
        bed.scene.router {
            $0.plan = { router, entry in
                let usable = (1...4).map { UInt64($0) }.filter {
                    !(entry.options.excludedWorkers + entry.options.unreachableWorkers).contains($0)
                }
                guard let first = usable.first, let last = usable.last else { return router.fail(entry, .noWorker) }
                if entry.wish == .any { return router.split(entry, prefill: first, decode: path == .concurrent ? last : nil) }
                return router.place(entry, on: entry.options.preferred?.workerID ?? last)
            }
        }
        for worker in 1...4 {
            bed.script(worker) { job in
                let lines = Self.lines(job, &dice.value)
                Self.speak(job, lines, &dice.value)
            }
        }
        let client = bed.scene.finish(bed.scene.chat(#","n":\#(choices)"#), within: .seconds(300))
        client { answer in
            let isWhole = answer.isDone && answer.errorEvents == 0
            for choice in 0..<choices {
                #expect(isWhole ? answer.text(choice) == SplitBed.text : SplitBed.text.hasPrefix(answer.text(choice)))
                if isWhole { #expect(answer.finish(choice) == "stop") }
            }
            #expect(isWhole || answer.errorCode != nil)
        }
        #expect(bed.scene.held == [])
        #expect(bed.scene.metric("apus_frontend_tracker_conflicts_total") == 0)
    }
}
