import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("Slow readers")
struct FlowTests {
    /// A client that reads nothing of a stream, behind a kernel that holds 16 KiB.
    private func slow(_ change: (inout HTTPLimits) -> Void = { _ in }) -> (scene: Scene, client: RawClient) {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 16 << 10
        let scene = Scene(plan: plan, change), client = scene.client(sending: get("/slow"), reading: false)
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].beginStream(.ok) }
        scene.run()
        return (scene, client)
    }

    @Test("a stream is backed up from the mark on, and room comes back when the client reads")
    func backedUp() {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }
        scene.onServer { exchange.append([UInt8](repeating: 1, count: 60 << 10)) }
        scene.run()
        #expect(scene.onServer { !exchange.isBackedUp && exchange.unsentBytes > 40 << 10 })
        scene.onServer { exchange.append([UInt8](repeating: 1, count: 30 << 10)) }
        #expect(scene.onServer { exchange.isBackedUp })
        scene.serverLoop.spawn {
            scene.note = (await exchange.roomToWrite(until: scene.serverLoop.now + .seconds(20)), scene.serverLoop.now)
        }
        scene.run(.seconds(5))
        #expect(scene.note == nil)
        scene.onClient { client.setReading(true) }
        scene.run(.seconds(5))
        #expect(scene.note?.0 == true)
        #expect(scene.onServer { exchange.unsentBytes } == 0)
    }

    @Test("waiting for room ends at its deadline, and at once when the client leaves", arguments: [true, false])
    func noRoom(leaves: Bool) {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }
        scene.onServer { exchange.append([UInt8](repeating: 1, count: 100 << 10)) }
        scene.serverLoop.spawn {
            scene.note = (await exchange.roomToWrite(until: scene.serverLoop.now + .seconds(10)), scene.serverLoop.now)
        }
        scene.run()
        if leaves { scene.onClient { client.close() } }
        scene.run(.seconds(15))
        #expect(scene.note?.0 == false)
        let waited = scene.note.map { Double($0.1.nanoseconds) / 1e9 } ?? -1
        #expect(leaves ? waited < 3 : waited > 10 && waited < 13, "waited until \(waited)")
    }

    @Test("a stream with room need not wait for it, and one that has ended waits for nothing")
    func roomAtOnce() {
        let (scene, _) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }
        scene.serverLoop.spawn {
            scene.note = (await exchange.roomToWrite(until: scene.serverLoop.now + .seconds(10)), scene.serverLoop.now)
        }
        scene.run(.milliseconds(5))
        #expect(scene.note?.0 == true)
        scene.onServer { exchange.endStream() }
        scene.serverLoop.spawn {
            scene.note = (await exchange.roomToWrite(until: scene.serverLoop.now + .seconds(10)), scene.serverLoop.now)
        }
        scene.run(.milliseconds(5))
        #expect(scene.note?.0 == false)
    }

    @Test("an application that does not care is stopped at the cap: the client is cut off, and no more is kept than that")
    func cap() {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }
        var most = 0
        for _ in 0..<1_000 {
            scene.onServer {
                exchange.append([UInt8](repeating: 1, count: 1_000))
                most = max(most, exchange.unsentBytes)
            }
            scene.run(.milliseconds(1))
        }
        #expect(most > 250_000 && most <= (256 << 10) + 1_020, "no more than the append that passed it")
        #expect(scene.onServer { exchange.isGone })
        #expect(scene.onServer { scene.application.gone } == ["/slow"])
        #expect(scene.onServer { scene.server.counters.slowReaders } == 1)
        #expect(scene.onServer { scene.server.openConnections } == 0)
        scene.onClient { client.setReading(true) }
        scene.run()
        #expect(scene.onClient { client.end } == .broken)
    }

    @Test("what comes in bulk is allowed for while it waits, and not when it has left")
    func bulk() {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }
        scene.onServer { exchange.append(inBulk: true) { $0.append(contentsOf: [UInt8](repeating: 1, count: 600 << 10)) } }
        scene.run(.seconds(1))
        #expect(scene.onServer { !exchange.isGone && exchange.unsentBytes > 500 << 10 })
        scene.onServer { exchange.append([UInt8](repeating: 1, count: 200 << 10)) }
        #expect(scene.onServer { !exchange.isGone })
        scene.onClient { client.setReading(true) }
        scene.run(.seconds(10))
        #expect(scene.onServer { exchange.unsentBytes } == 0)
        scene.onClient { client.setReading(false) }
        scene.run(.seconds(1))
        for _ in 0..<300 { scene.onServer { exchange.append([UInt8](repeating: 1, count: 1_000)) } }
        scene.run(.seconds(1))
        #expect(scene.onServer { exchange.isGone && scene.server.counters.slowReaders == 1 })
    }

    /// What several tasks did, in their order.
    @LoopActor
    private final class Diary {
        private(set) var lines: [String] = []
        func note(_ line: String) { lines.append(line) }
    }

    @Test("several that write parts of one stream wait for room together, and each comes to write all of its own")
    func turns() {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }, diary = scene.onServer { Diary() }
        for name in ["a", "b", "c"] {
            scene.serverLoop.spawn {
                for _ in 0..<4 {
                    while exchange.isBackedUp {
                        guard await exchange.roomToWrite(until: scene.serverLoop.now + .seconds(100)) || exchange.isBackedUp else { return }
                    }
                    diary.note(name)
                    exchange.append([UInt8](repeating: 1, count: 100 << 10))
                }
            }
        }
        scene.run(.seconds(5))
        #expect(scene.onServer { diary.lines.count } == 1)
        scene.onClient { client.setReading(true) }
        scene.run(.seconds(60))
        #expect(scene.onServer { diary.lines.sorted() } == ["a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c", "c"])
        #expect(scene.onServer { Set(diary.lines.suffix(4)).count } > 1, "one alone was left to the end")
    }

    @Test("of several that wait all are woken at the earliest deadline, and at once when the client leaves", arguments: [true, false])
    func deadlines(leaves: Bool) {
        let (scene, client) = slow()
        let exchange = scene.onServer { scene.application.exchanges[0] }, diary = scene.onServer { Diary() }
        scene.onServer { exchange.append([UInt8](repeating: 1, count: 100 << 10)) }
        let began = scene.onServer { scene.serverLoop.now }
        for seconds in [20, 5, 10] {
            scene.serverLoop.spawn {
                let hasRoom = await exchange.roomToWrite(until: began + .seconds(seconds))
                diary.note("\(seconds) \(hasRoom)")
            }
        }
        scene.run(.seconds(2))
        #expect(scene.onServer { diary.lines } == [])
        if leaves { scene.onClient { client.close() } } else { scene.run(.seconds(4)) }
        scene.run(.seconds(1))
        #expect(scene.onServer { diary.lines.sorted() } == ["10 false", "20 false", "5 false"])
    }

    @Test("being cut off within an append is told at the end of the turn, not within the append")
    func capIsToldLater() {
        let (scene, _) = slow()
        scene.onServer {
            let exchange = scene.application.exchanges[0]
            for _ in 0..<400 { exchange.append([UInt8](repeating: 1, count: 1_000)) }
            #expect(exchange.isGone)
            #expect(scene.application.gone == [])
        }
        scene.run(.milliseconds(1))
        #expect(scene.onServer { scene.application.gone } == ["/slow"])
    }

    @Test("streams that wait behind another on their connection count against the same cap")
    func pipelinedCap() {
        let scene = Scene(), client = scene.client(sending: get("/1") + get("/2"), reading: false)
        scene.run(until: { scene.application.exchanges.count == 2 })
        scene.onServer {
            let second = scene.application.exchanges[1]
            second.beginStream(.ok)
            for _ in 0..<300 { second.append([UInt8](repeating: 1, count: 1_000)) }
            #expect(second.isGone)
        }
        scene.run(.milliseconds(5))
        #expect(scene.onServer { scene.application.gone } == ["/1", "/2"])
        _ = client
    }

    @Test("one large answer may be larger than the cap, and requests behind it wait until it has left")
    func largeAnswer() {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 16 << 10
        let scene = Scene(plan: plan), body = String(repeating: "x", count: 600_000)
        scene.onServer { scene.application.answer = { $0.request.path == "/2" ? .text(.ok, "2") : .text(.ok, body) } }
        let client = scene.client(sending: get("/1"), reading: false)
        scene.run(.seconds(1))
        scene.send(get("/2"), from: client)
        scene.run(.seconds(1))
        #expect(scene.onServer { scene.application.exchanges.count } == 1)
        scene.onClient { client.setReading(true) }
        scene.run(.seconds(5))
        #expect(scene.onClient { Answers(client.text).bodies } == [body, "2"])
    }

    @Test("many pipelined requests with large answers are all answered, however small the kernel", arguments: 0..<10 as Range<UInt64>)
    func pipelinedLarge(seed: UInt64) {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = [4 << 10, 64 << 10, 1 << 20][Int(seed % 3)]
        let scene = Scene(seed: seed, plan: plan) { $0.backedUpBytes = 10_000 }
        let body = String(repeating: "x", count: 9_000)
        scene.onServer { scene.application.answer = { .text(.ok, $0.request.path + body) } }
        let client = scene.client(sending: (0..<100).map { get("/\($0)") }.joined())
        scene.run(.seconds(60))
        #expect(scene.onClient { Answers(client.text).bodies } == (0..<100).map { "/\($0)\(body)" })
    }
}
