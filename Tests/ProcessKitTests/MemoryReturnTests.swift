import ClusterModel
import EventLoop
import ProcessKit
import Testing

@Suite("Memory that a burst has left")
struct MemoryReturnTests {
    /// A process as it is seen from outside: what it has used, and how often it gave memory back.
    @LoopActor
    private final class Busyness {
        var used = Duration.zero
        var refusals: Int
        var given = 0
        var counts: [Int] = []

        init(refusals: Int) { self.refusals = refusals }

        func giveBack() -> Bool {
            refusals -= 1
            guard refusals < 0 else { return false }
            given += 1
            return true
        }
    }

    /// By the end of each interval, in which it uses so much of a core.
    private func given(_ shares: [Double], refusals: Int = 0) -> [Int] {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("node")
        let busyness = loop.perform {
            let busyness = Busyness(refusals: refusals)
            let memory = MemoryReturn(on: loop, used: { busyness.used }, giveBack: { busyness.giveBack() })
            loop.spawn {
                for share in shares {
                    busyness.used += MemoryReturn.interval * share
                    await loop.sleep(for: MemoryReturn.interval)
                    await loop.sleep(for: .microseconds(1))
                    busyness.counts.append(busyness.given)
                }
                memory.stop()
            }
            return busyness
        }
        world.run(for: .seconds(600))
        return loop.perform { busyness.counts }
    }

    @Test("it is given back once the process rests after work, and not while it works")
    func rests() {
        #expect(given([0, 0, 0]) == [1, 1, 1], "what the start left")
        #expect(given([0.9, 0.9, 0.1, 0, 0]) == [0, 0, 1, 1, 1])
        #expect(given([0, 0.9, 0.01, 0, 0.9, 0]) == [1, 1, 2, 2, 2, 3])
    }

    @Test("a process that hums gives nothing back, one that does little gives back what that left")
    func hums() { #expect(given([0, 0.01, 0.01, 0.05, 0.05]) == [1, 1, 1, 2, 3]) }

    @Test("T41: what takes no time to be left is given back as well, every sixteen seconds, but not while the process works")
    func creeps() {
        #expect(given(Array(repeating: 0.001, count: 16)) == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3])
        #expect(given(Array(repeating: 0.9, count: 16)) == Array(repeating: 0, count: 16))
    }

    @Test("what could not be begun is tried again")
    func refused() { #expect(given([0, 0, 0], refusals: 1) == [0, 1, 1]) }
}
