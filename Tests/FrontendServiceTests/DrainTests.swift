import ClusterModel
import EventLoop
import HTTPClient
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A frontend leaves")
struct DrainTests {
    /// Drains; gives what was said of it once it is over.
    private func drain(_ scene: Scene) -> Box<Bool?> {
        let endedWell = Box<Bool?>(nil), loop = scene.loop
        scene.service { service in
            let service = service
            loop.spawn { endedWell.value = await service.drain() }
        }
        return endedWell
    }

    @Test("running requests finish; a new one on a kept connection is 503 and ends it")
    func drains() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("he")
                job.after(.seconds(3)) { $0.say("llo", finish: .endOfText) }
            }
        }
        let kept = scene.finish(scene.send(.get("/v1/models"), keepingConnection: true))
        kept { #expect($0.status == 200) }
        let running = scene.chat()
        scene.run { running.text == "he" }
        let drain = drain(scene)
        scene.pass(.milliseconds(10))
        let late = scene.finish(
            scene.send(
                .post("/v1/chat/completions", json: Array(#"{"model":"tiny","messages":[{"role":"user","content":"x"}]}"#.utf8)),
                keepingConnection: true))
        late {
            #expect($0.status == 503)
            #expect($0.errorCode == "draining")
            #expect($0.header("connection") == "close")
        }
        #expect(drain.value == nil)
        scene.finish(running)
        running { #expect($0.text() == "hello") }
        #expect(scene.run { drain.value != nil })
        #expect(drain.value == true)
        #expect(scene.service { $0.openConnections } == 0)
        let refused = scene.finish(scene.chat())
        refused { #expect($0.status == 0) }
        #expect(scene.held == [])
    }

    @Test("stopped in the middle of everything: workers and routers hear a goodbye, clients the end, and nothing is left")
    func stops() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("he")
            }
        }
        let running = scene.chat()
        scene.run { running.text == "he" }
        scene.router { $0.plan = { _, _ in nil } }
        let asked = scene.chat()
        scene.run { scene.router { $0.asked.count } == 2 }
        let unary = scene.chat(stream: false)
        scene.run { scene.router { $0.asked.count } == 3 }
        scene.service { $0.stop() }
        scene.pass(.milliseconds(50))
        #expect(running.isEnded && asked.isEnded && unary.isEnded)
        #expect(scene.held == [])
        #expect(scene.service { $0.openConnections } == 0)
        #expect(scene.worker { $0.ends } == [.goodbye(.leaving, byPeer: true)])
        #expect(scene.router { $0.ends } == [.goodbye(.leaving, byPeer: true)])
        scene.pass(.seconds(5))
        #expect(scene.fabric.openConnections == 0)
        #expect(scene.sockets.openSockets == 0)
    }

    @Test("a frontend that was stopped is let go, with all that it was made of")
    func isFreed() {
        let service = Box(Weak())
        do {
            let scene = Scene()
            scene.finish(scene.chat())
            scene.service { service.value.object = $0 }
            scene.service { $0.stop() }
            scene.pass(.seconds(5))
        }
        #expect(service.value.object == nil)
    }

    private struct Weak {
        weak var object: AnyObject?
    }
}
