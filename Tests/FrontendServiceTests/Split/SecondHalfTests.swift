import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("The second half of a request that is handed over in sequence")
struct SecondHalfTests {
    private func tell(_ router: Remote<ScriptedRouter>, _ state: ProcessState) {
        router {
            $0.tell([.routerHealth(RouterHealth(state: state, reason: "", workers: 0, resyncing: 0, leases: 0, indexedBlocks: 0))])
        }
    }

    @Test(
        "it is placed by the router that placed the first one, which knows whose state it is; by another one only where that leaves",
        arguments: [false, true])
    func sameRouter(leaves: Bool) {
        let bed = SplitBed(.sequential, routers: 2), scene = bed.scene
        scene.run { scene.service { $0.usableRouters } == 2 }
        bed.expectWhole(scene.chat())
        // All requests here have one prompt, and mean this router.
        let usual = scene.routers[0].on { $0.asked.isEmpty } ? 1 : 0, other = scene.routers[1 - usual], meant = scene.routers[usual]
        let before = meant { $0.asked.count }
        tell(meant, .draining)
        scene.pass(.milliseconds(20))
        let client = scene.chat()
        scene.run { bed.jobs(1).count == 2 }
        tell(meant, .ready)
        if leaves { tell(other, .draining) }
        bed.expectWhole(client)
        #expect(other { $0.asked.map(\.wish) } == (leaves ? [.any] : [.any, .decode]))
        #expect(meant { $0.asked.dropFirst(before).map(\.wish) } == (leaves ? [.decode] : []))
    }

    @Test("a prefill leg may hand over before there is a token: the decode leg has them all, and may end behind the last one")
    func atOnce() {
        let bed = SplitBed(.sequential)
        bed.script(1) { job in
            job.accept()
            SplitBed.handOver(job)
        }
        bed.script(2) { job in
            job.accept()
            job.start(cached: 0, waited: 9_000)
            job.say(SplitBed.text)
            job.after(.milliseconds(5)) { job in
                job.say("", finish: .stopSequence)
                job.end(.finished)
            }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.entry(2).handOver == SplitBed.state && bed.jobs(1).count == 1)
    }

    @Test("the decision that is told is the last one, and what is known of it where that is not", arguments: [true, false])
    func decision(isKept: Bool) {
        let bed = SplitBed(.sequential), explained = Box(0)
        bed.scene.router {
            $0.explains = { _ in
                explained.value += 1
                return explained.value == 1 || isKept ? Array(#"{"n":\#(explained.value)}"#.utf8) : nil
            }
        }
        let client = bed.scene.chat(#","nvext":{"extra_fields":["decision"]}"#)
        bed.expectWhole(client)
        let told = client { $0.chunks.compactMap { $0["nvext"]?["decision"]?["n"]?.asInt } }
        #expect(told == [isKept ? 2 : 1] && explained.value == 2)
    }

    @Test(
        "the head of a stream names the client's session before its decode leg has a place; a body can say the place",
        arguments: [true, false])
    func cookie(stream: Bool) {
        let bed = SplitBed(.sequential, capabilities: [.choices, .logprobs, .sequentialHandOver, .sessions]) {
            $0.sessions.cookie = "apus"
        }
        func ask(_ cookie: String?) -> Scene.Client {
            let client = bed.scene.chat(stream: stream, headers: cookie.map { [(name: "cookie", value: $0)] } ?? [])
            bed.expectWhole(client)
            return client
        }
        func given(_ client: Scene.Client) -> String? {
            client { $0.header("set-cookie") }.flatMap { $0.split(separator: ";").first.map(String.init) }
        }
        let first = given(ask(nil)), again = first.flatMap { given(ask($0)) }
        let sessions = bed.asked.compactMap(\.session)
        #expect(first != nil && sessions.count == 4 && Set(sessions.map(\.key.id)).count == 1)
        let known = PlacementRef(workerID: 2, rank: 0)
        #expect(sessions.map(\.hint) == (stream ? [nil, nil, nil, nil] : [nil, nil, known, known]))
        // What the client has says all that is known when the head leaves.
        #expect(again == nil)
    }
}
