import ClusterModel
import EventLoop
import HTTPClient
import HTTPServing
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A peer that breaks the rules loses its link, and no more")
struct HostilePeerTests {
    @Test("a worker's malformed message ends its link; its requests go on elsewhere, others do not notice", arguments: 0...4)
    func malformedWorker(which: Int) {
        let scene = Scene()
        scene.router { $0.plan = { router, entry in router.place(entry, on: entry.attempt == 1 ? 1 : 2) } }
        for worker in scene.workers {
            worker { worker in
                worker.script = { job in
                    job.accept()
                    guard job.entry.attempt == 1 else { return job.say("llo", finish: .endOfText) }
                    job.say("he")
                    job.after(.milliseconds(50)) { job in
                        let origin = job.link.peer.generation
                        switch which {
                        case 0: job.link.send(MessageHeader(kind: .tokenBatch, origin: origin)) { $0 += [1, 0, 0, 0, 5] }
                        case 1: job.link.send(MessageHeader(kind: .statusBatch, origin: origin)) { $0 += [255, 255, 255, 255] }
                        case 2: job.link.send(TokenBatch(frames: []), origin: 99)
                        case 3: job.link.send(MessageHeader(kind: .generateBatch, origin: origin)) { $0 += [0, 0, 0, 0] }
                        default: job.link.send(MessageHeader(kind: .planBatch, origin: origin)) { $0 += [0, 0, 0, 0] }
                        }
                    }
                }
            }
        }
        let client = scene.finish(scene.chat())
        client {
            #expect($0.text() == "hello")
            #expect($0.errorEvents == 0)
        }
        scene.pass(.milliseconds(50))
        #expect(scene.worker { $0.ends.count } == 1)
        #expect(scene.workers[1].on { $0.ends.isEmpty })
        #expect(scene.router { $0.ends.isEmpty })
        #expect(scene.held == [])
        // The link comes back, and the worker is asked again.
        scene.pass(.seconds(1))
        #expect(scene.worker { $0.dataLinks.count } == 1)
    }

    @Test("statuses without end, or of requests that there are not, are held by nobody")
    func manyStatuses() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                for _ in 0..<1_000 {
                    job.accept()
                    job.start()
                    job.progress()
                }
                var stranger = AcceptedStatus()
                stranger.counter = 77
                stranger.attempt = 1
                job.status(.acceptedStatus(stranger))
                job.say("hello", finish: .endOfText)
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.held == [])
    }

    @Test("a plan that nobody asked for, or a second one for the same attempt, starts nothing")
    func strangePlans() {
        let scene = Scene(workers: 1)
        scene.router {
            $0.plan = { router, entry in
                var stranger = entry
                stranger.counter += 100
                router.answer(router.place(stranger, on: 1))
                router.answer(router.place(entry, on: 1))
                return router.place(entry, on: 1)
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.worker { $0.jobs.count } == 1)
        #expect(scene.held == [])
    }

    @Test("long prompts of one moment leave in messages that are not too long")
    func longPrompts() {
        // A token of the byte tokenizer is a byte: six of these are more than a message holds.
        let scene = Scene(workers: 1, card: Scene.card { $0.contextLength = 1 << 20 }) { $0.http.allBodiesBytes = 1 << 30 }
        let prompt = String(repeating: "0123456789abcdef", count: 800_000 / 16)
        scene.router.loop.freeze()
        let clients = (0..<8).map { _ in
            scene.send(.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":"\#(prompt)","max_tokens":8}"#.utf8)))
        }
        // All plans arrive in one message.
        scene.pass(.seconds(1))
        scene.router.loop.thaw()
        for client in clients { scene.finish(client) }
        #expect(clients.allSatisfy { $0.text == "hello" })
        #expect(scene.worker { $0.jobs.count } == 8)
        #expect(scene.worker { $0.ends.isEmpty })
    }

    @Test("a prompt longer than any message could carry is refused to the client")
    func longestPrompt() {
        let scene = Scene(workers: 1, card: Scene.card { $0.contextLength = 16 << 20 })
        let prompt = String(repeating: "0123456789abcdef", count: (2 << 20) / 16 + 1)
        let client = scene.finish(scene.send(.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":"\#(prompt)"}"#.utf8))))
        client {
            #expect($0.status == 400)
            #expect($0.errorCode == "context_length_exceeded")
        }
    }
}
