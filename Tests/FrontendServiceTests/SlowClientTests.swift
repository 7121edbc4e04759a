import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A client that reads slowly holds ids here, and holds up nobody")
struct SlowClientTests {
    private func scene(_ configure: (inout Scene) -> Void = { _ in }) -> Scene {
        let scene = Scene(workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        return scene
    }

    /// A token each millisecond, the last one with a finish.
    private func pour(_ count: Int, _ scene: Scene) {
        scene.worker {
            $0.script = { job in
                job.accept()
                for step in 0..<count { job.after(.milliseconds(step)) { $0.say("x", finish: step == count - 1 ? .length : nil) } }
                job.after(.milliseconds(count)) { $0.end(.finished) }
            }
        }
    }

    @Test(
        "text that waits is bounded, the worker is not slowed, and a client that reads on gets all of it", arguments: [1, 2, 3] as [UInt64])
    func catchesUp(seed: UInt64) {
        let scene = Scene(seed: seed, workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        pour(6_000, scene)
        let client = scene.chat(#","max_tokens":6000"#, reading: false)
        scene.pass(.seconds(7))
        // The worker has finished; what waits for the client as text is about what backs a stream up.
        scene.pass(.seconds(1))
        let buffered = scene.metric("apus_frontend_most_buffered_bytes") ?? 0
        #expect(buffered > 60_000 && buffered < 72_000)
        #expect(scene.service { $0.requestsAtWorkers } == 0)
        client { $0.setReading(true) }
        scene.finish(client)
        client {
            #expect($0.text().utf8.count == 6_000)
            #expect($0.finish() == "length")
            #expect($0.error == nil)
        }
        #expect(scene.metric("apus_frontend_clients_departed_total") ?? 0 == 0)
        #expect(scene.held == [])
    }

    @Test("a burst of more text than a connection may hold is written as the client takes it")
    func burst() {
        let scene = Scene(workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        scene.worker {
            $0.script = { job in
                job.accept()
                job.frames(Array(repeating: "x", count: 5_000), finish: .length)
                job.end(.finished)
            }
        }
        let client = scene.finish(scene.chat(#","max_tokens":5000"#))
        client {
            #expect($0.text().utf8.count == 5_000)
            #expect($0.error == nil)
        }
        #expect(scene.held == [])
    }

    @Test("a client that takes nothing for too long is cut off, and its worker told")
    func stalled() {
        let scene = Scene(workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        scene.worker {
            $0.script = { job in
                job.accept()
                for step in 0..<7_000 { job.after(.milliseconds(step * 10)) { $0.say("x") } }
            }
        }
        let client = scene.chat(#","max_tokens":8000"#, reading: false)
        scene.pass(.seconds(25))
        #expect(scene.service { $0.openRequests } == 1)
        scene.pass(.seconds(10))
        #expect(scene.worker { $0.cancels.map(\.reason) } == [.clientGone])
        #expect(scene.held == [])
        client { $0.leave() }
    }

    @Test("others are served as ever meanwhile")
    func others() {
        let scene = Scene(workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        pour(3_000, scene)
        _ = scene.chat(#","max_tokens":4000"#, reading: false)
        scene.pass(.seconds(2))
        scene.worker { $0.script = { $0.answer("hello") } }
        let began = scene.now
        let other = scene.finish(scene.chat())
        other { #expect($0.text() == "hello") }
        #expect(began.duration(to: other { $0.endedAt }) < .milliseconds(10))
    }

    @Test("the limit of the whole request holds for a client that reads nothing")
    func total() {
        let scene = Scene(workers: 1) {
            $0.limits.total = .seconds(10)
        }
        scene.sockets.plan.bufferBytes = 4 << 10
        pour(8_000, scene)
        _ = scene.chat(#","max_tokens":8000"#, reading: false)
        scene.pass(.seconds(10.5))
        #expect(scene.held == [])
    }
}
