import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("An attempt fails, and the request goes on")
struct AttemptTests {
    /// Attempts as workers saw them, in order.
    func attempts(_ scene: Scene) -> [Job] {
        scene.workers.flatMap { worker in worker { $0.jobs } }.sorted { left, right in
            scene.worker { _ in (left.entry.counter, left.entry.attempt) < (right.entry.counter, right.entry.attempt) }
        }
    }

    func entries(_ scene: Scene) -> [GenerateEntry] { attempts(scene).map { job in scene.worker { _ in job.entry } } }

    func script(_ scene: Scene, _ script: @escaping @LoopActor (Job) -> Void) {
        for worker in scene.workers { worker { $0.script = script } }
    }

    // MARK: Refusals

    @Test("a worker that drains is left alone, and another one answers", arguments: [FailureCode.draining, .capacity, .engineFailed])
    func refused(code: FailureCode) {
        let scene = Scene()
        script(scene) { job in if job.entry.attempt == 1 { job.refuse(code) } else { job.answer("hello") } }
        let client = scene.finish(scene.chat(stream: false))
        client {
            #expect($0.status == 200)
            #expect($0.text() == "hello")
        }
        let asked = scene.router { $0.asked }
        #expect(asked.map(\.attempt) == [1, 2])
        #expect(asked[1].options.excludedWorkers == [1])
        #expect(entries(scene).map(\.attempt) == [1, 2])
        #expect(scene.router { $0.endedLeases.map(\.reason) } == [.refused])
        #expect(scene.held == [])
        // A worker that has refused has nothing to cancel.
        #expect(scene.workers.allSatisfy { worker in worker { $0.cancels.isEmpty } })
    }

    @Test(
        "the only worker refuses: the client is told why, and not that there is none",
        arguments: [(FailureCode.capacity, 503, "capacity"), (.engineFailed, 500, "engine_failed"), (.timeout, 504, "timeout")])
    func refusedByAll(code: FailureCode, status: Int, name: String) {
        let scene = Scene(workers: 1)
        script(scene) { $0.refuse(code) }
        scene.finish(scene.chat(stream: false)) { #expect($0.status == status && $0.errorCode == name) }
        // It was asked for once more, and there was nobody else.
        #expect(scene.router { $0.asked.map(\.options.excludedWorkers) } == [[], [1]])
        #expect(scene.held == [])
    }

    @Test("overbooked: the load goes to the router, the worker may be chosen again, and does not refuse for it again")
    func overbooked() {
        let scene = Scene(workers: 1)
        script(scene) { job in
            if job.entry.attempt == 1 { job.refuse(.overbooked, waiting: 20_000, stream: 931) } else { job.answer("hello") }
        }
        scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) }
        let asked = scene.router { $0.asked }
        #expect(asked.count == 2)
        #expect(asked[1].options.excludedWorkers == [])
        #expect(
            asked[1].overbooked == [
                OverbookedReport(workerID: 1, generation: 0xA01, rank: 0, lease: 1, waitingTokens: 20_000, streamNumber: 931)
            ])
        let entries = entries(scene)
        #expect(entries.map(\.refuseOverbooked) == [true, false])
        #expect(entries.map(\.lease) == [1, 2])
        #expect(entries[0].waitingTokens == 1000)
        #expect(entries[0].streamNumber == 7)
    }

    @Test("what no other worker would do better is not tried again", arguments: [true, false])
    func refusedForGood(stream: Bool) {
        let scene = Scene()
        script(scene) { $0.refuse(.invalidArgument, field: "minTokens", reason: "above maxTokens") }
        let client = scene.finish(scene.chat(stream: stream))
        client {
            #expect($0.status == 400)
            #expect($0.json["error"]?["param"]?.asString == "min_tokens")
        }
        #expect(scene.router { $0.asked.count } == 1)
        #expect(scene.held == [])
    }

    @Test("an attempt that nobody accepts ends with its time, and the next goes elsewhere")
    func neverAccepted() {
        let scene = Scene()
        script(scene) { job in if job.entry.attempt > 1 { job.answer("hello") } }
        let began = scene.now
        let client = scene.finish(scene.chat(stream: false))
        client { #expect($0.status == 200) }
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .milliseconds(1_990) && took < .milliseconds(2_100))
        let first = scene.worker { $0.cancels }
        #expect(first.map(\.attempt) == [1])
        #expect(first.map(\.reason) == [.moved])
        #expect(scene.router { $0.asked[1].options.excludedWorkers } == [1])
        // Its booking is given back: the worker may never have heard of it.
        #expect(scene.router { $0.endedLeases.map(\.lease) } == [1])
        #expect(scene.held == [])
    }

    // MARK: Loss

    @Test("a worker's link dies before the first token: the client notices nothing", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func lostBeforeFirstToken(seed: UInt64) {
        let scene = Scene(seed: seed)
        script(scene) { job in if job.entry.attempt > 1 { job.answer("hello") } else { job.accept() } }
        let client = scene.chat()
        scene.run { scene.worker { !$0.jobs.isEmpty } }
        scene.fabric.breakStreams(between: "frontend", and: "worker-1")
        scene.finish(client)
        client {
            #expect($0.text() == "hello")
            #expect($0.errorEvents == 0)
        }
        #expect(scene.router { $0.asked[1].options.excludedWorkers } == [1])
        #expect(scene.router { $0.endedLeases.map(\.reason) } == [.workerLost])
        #expect(scene.held == [])
    }

    @Test(
        "a worker dies mid-stream: another one goes on from the tokens shown, and the client sees one text",
        arguments: [1, 2, 3, 4, 5] as [UInt64])
    func lostMidStream(seed: UInt64) {
        let scene = Scene(seed: seed)
        script(scene) { job in
            job.accept()
            job.start()
            if job.entry.attempt == 1 {
                job.say("0123456789abcdefghij")
            } else {
                job.say("klmno", finish: .length)
                job.end(.finished)
            }
        }
        let client = scene.completion(#","max_tokens":25,"min_tokens":22,"seed":7,"stream_options":{"include_usage":true}"#)
        scene.run { client.text.utf8.count == 20 }
        scene.pass(.seconds(3))
        scene.worker.host.kill(.reset)
        scene.finish(client)
        client {
            #expect($0.text() == "0123456789abcdefghijklmno")
            #expect($0.finish() == "length")
            #expect($0.errorEvents == 0)
            #expect($0.usage("completion_tokens") == 25)
            #expect($0.usage("prompt_tokens") == 2)
        }
        let entries = entries(scene)
        #expect(entries.count == 2)
        let (first, second) = (entries[0], entries[1])
        #expect(second.promptTokens == first.promptTokens)
        #expect(second.sampling == first.sampling)
        #expect(second.sampling.seed == 7)
        #expect(
            second.continuation == [
                ContinuedChoice(
                    choice: 0, finished: false, shownTokens: Array("0123456789abcdefghij".utf8).map { UInt32($0) }, remainingMaxTokens: 5,
                    remainingMinTokens: 2, penaltyOrigin: 2, logprobOffset: 20, stopState: [])
            ])
        let asked = scene.router { $0.asked }
        #expect(asked[1].tokenCount == 22)
        #expect(asked[1].maxTokens == 5)
        // Two tokens of the prompt and fourteen of the answer fill a block.
        #expect(asked[0].sequenceHashes.count == 0)
        let tokens = Array("hi0123456789abcd".utf8).map { UInt32($0) }
        var hashes: [SequenceHash] = []
        BlockHasher(blockSize: 16).extend(&hashes, toCover: tokens.span)
        #expect(asked[1].sequenceHashes == hashes.map(\.rawValue))
        #expect(scene.held == [])
    }

    @Test("choices that had finished stay finished in the next attempt")
    func finishedChoices() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                job.say("done", choice: 0, finish: .endOfText)
                job.say("ha", choice: 1)
                job.end(.drained)
            } else {
                job.say("lf", choice: 1, finish: .endOfText)
                job.end(.finished)
            }
        }
        let client = scene.finish(scene.completion(#","n":2"#, stream: false))
        client {
            #expect($0.text(0) == "done")
            #expect($0.text(1) == "half")
        }
        #expect(entries(scene)[1].continuation.map(\.finished) == [true, false])
    }

    @Test("three attempts fail: 503 before the stream has begun, one event of it after", arguments: [false, true])
    func threeFailures(begins: Bool) {
        let scene = Scene(workers: 3)
        script(scene) { job in
            if begins {
                job.accept()
                job.say("x")
            }
            if begins { job.end(.drained) } else { job.refuse(.draining) }
        }
        let client = scene.finish(scene.chat())
        client {
            #expect($0.status == (begins ? 200 : 503))
            #expect($0.errorCode == (begins ? "worker_lost" : "draining"))
            #expect($0.errorEvents == (begins ? 1 : 0))
            #expect($0.text() == (begins ? "xxx" : ""))
            #expect(!$0.isDone)
            #expect($0.error == nil)
        }
        if !begins { client { #expect($0.header("retry-after") != nil) } }
        #expect(entries(scene).map(\.attempt) == [1, 2, 3])
        #expect(scene.held == [])
    }

    @Test(
        "a request under which two workers or their engines died soon after they had started it is tried on no third one", arguments: 0..<2)
    func quarantine(dies: Int) {
        let scene = Scene(workers: 3)
        for worker in scene.workers {
            worker { worker in
                worker.script = { job in
                    job.accept()
                    job.start()
                    job.after(.milliseconds(500)) { job in
                        if dies == 0 { job.link.abort() } else { job.end(.failed, .engineFailed) { $0.failure?.field = "worker" } }
                    }
                }
            }
        }
        let client = scene.finish(scene.chat())
        client { #expect($0.errorCode == "quarantined") }
        #expect(entries(scene).map(\.attempt) == [1, 2])
        #expect(scene.held == [])
    }

    @Test("a worker that dies later, or leaves with a word, does not count for that")
    func noQuarantine() {
        let scene = Scene(workers: 3)
        for worker in scene.workers {
            worker { worker in
                worker.script = { job in
                    job.accept()
                    job.start()
                    switch job.entry.attempt {
                    case 1: job.after(.seconds(3)) { $0.link.abort() }
                    case 2: job.after(.milliseconds(100)) { $0.link.goodbye(.leaving) }
                    default: job.answer("hello")
                    }
                }
            }
        }
        scene.finish(scene.chat()) {
            #expect($0.text() == "hello")
            #expect($0.errorEvents == 0)
        }
    }

    @Test("a request that is pinned to a worker ends with that worker, as what it is")
    func pinned() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            job.say("x")
            job.end(.drained)
        }
        let client = scene.finish(scene.chat(#","nvext":{"backend_instance_id":1}"#, stream: false))
        client {
            #expect($0.status == 503)
            #expect($0.errorCode == "worker_lost")
        }
        let asked = scene.router { $0.asked }
        #expect(asked.count == 1)
        #expect(asked[0].options.pins.map(\.workerID) == [1])
    }

    // MARK: Time

    @Test("no first token in time: another worker is asked")
    func firstToken() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            // Progress without an end is no progress.
            if job.entry.attempt == 1 {
                for second in 1..<200 { job.after(.seconds(second)) { $0.progress() } }
            } else {
                job.say("hello", finish: .endOfText)
            }
        }
        let began = scene.now
        let client = scene.finish(scene.chat(stream: false), within: .seconds(200))
        client { #expect($0.text() == "hello") }
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(120) && took < .seconds(121))
        #expect(scene.worker { $0.cancels.count } == 1)
        #expect(scene.held == [])
    }

    @Test("silence between tokens: another worker goes on")
    func silence() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 { job.say("hel") } else { job.say("lo", finish: .endOfText) }
        }
        let began = scene.now
        let client = scene.finish(scene.chat(), within: .seconds(100))
        client { #expect($0.text() == "hello") }
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(30) && took < .seconds(31))
    }

    @Test("a limit that runs out at the worker first is no end of the request")
    func timedOutThere() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                job.say("hel")
                job.after(.milliseconds(100)) { $0.end(.timedOut, .timeout) }
            } else {
                job.say("lo", finish: .endOfText)
            }
        }
        let client = scene.finish(scene.chat())
        client {
            #expect($0.text() == "hello")
            #expect($0.errorEvents == 0)
        }
        #expect(entries(scene)[0].silenceMilliseconds == 30_000)
        #expect(entries(scene)[0].firstTokenMilliseconds == 120_000)
    }

    @Test("the limit of the whole request holds, whether tokens come or not", arguments: [true, false])
    func total(flows: Bool) {
        let scene = Scene { $0.limits.total = .seconds(20) }
        script(scene) { job in
            job.accept()
            job.say("x")
            guard flows else { return }
            for step in 1..<400 { job.after(.milliseconds(100 * step)) { $0.say("x") } }
        }
        let began = scene.now
        let client = scene.finish(scene.chat(#","max_tokens":1000"#), within: .seconds(60))
        let took = began.duration(to: client { $0.endedAt })
        #expect(took >= .seconds(20) && took < .seconds(20.2))
        client {
            #expect($0.errorCode == "timeout")
            #expect($0.errorEvents == 1)
        }
        #expect(scene.held == [])
        #expect(scene.workers.flatMap { worker in worker { $0.cancels } }.map(\.reason) == [.timedOut])
    }

    // MARK: Ends that the worker tells

    @Test("what the engine failed on is tried elsewhere", arguments: [EndReason.failed, .drained, .cancelled, .superseded])
    func ended(reason: EndReason) {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                job.say("hel")
                job.end(reason, reason == .failed ? .engineFailed : nil)
            } else {
                job.say("lo", finish: .endOfText)
                job.end(.finished)
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked[1].options.excludedWorkers } == [1])
        #expect(scene.workers.allSatisfy { worker in worker { $0.cancels.isEmpty } })
        #expect(scene.held == [])
    }

    @Test("a worker whose engine begins anew, and says when, is not ruled out: the text goes on there", arguments: [true, false])
    func beginsAnew(isRefused: Bool) {
        let scene = Scene(workers: 1)
        script(scene) { job in
            if job.entry.attempt > 1 {
                job.accept()
                job.say(isRefused ? "hello" : "lo", finish: .endOfText)
                job.end(.finished)
            } else if isRefused {
                job.refuse(.draining, retry: 1_000)
            } else {
                job.accept()
                job.say("hel")
                job.end(.failed, .engineFailed) { $0.failure?.retryAfterMilliseconds = 1_000 }
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.map(\.options.excludedWorkers) } == [[], []])
        #expect(scene.held == [])
    }

    @Test("an engine's failure for which no other attempt is allowed ends the request")
    func failedForGood() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            job.end(.failed, .quarantined)
        }
        scene.finish(scene.chat(stream: false)) {
            #expect($0.status == 500)
            #expect($0.errorCode == "quarantined")
        }
        #expect(scene.router { $0.asked.count } == 1)
        #expect(scene.held == [])
    }

    @Test("a worker that says it has finished, and has not, is not believed")
    func finishedTooEarly() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                job.say("hel")
                job.end(.finished)
            } else {
                job.say("lo", finish: .endOfText)
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
    }
}
