import ClusterModel
import EventLoop
import Testing

/// Places at which a simulation does harm.
@Suite("Fault points")
struct FaultPointTests {
    /// Notes where its loop came by, and refuses one thing.
    private final class Watch: FaultPointWatch, @unchecked Sendable {
        // Safety: belongs to the thread of its world.
        private(set) var reached: [String] = []

        func reached(_ point: String, by loop: Loop) { reached.append("\(loop.name): \(point)") }
        func fails(at point: String, in loop: Loop) -> Bool { point == "no room" }
    }

    @Test("a loop tells who watches it of the places that it comes to, and refuses what it is told to; other loops tell nobody")
    func watched() {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("here"), other = world.makeLoop("elsewhere")
        let watch = loop.perform { Watch() }
        loop.watchFaultPoints(watch)
        let refused = loop.perform { () -> [Bool] in
            loop.reaches("booked")
            return [loop.fails(at: "no room"), loop.fails(at: "no lease")]
        }
        other.perform {
            other.reaches("booked")
            #expect(!other.fails(at: "no room"))
        }
        #expect(Loop.hasFaultPoints, "tests run in a build that has them")
        #expect(refused == [true, false] && loop.perform { watch.reached } == ["here: booked"])
    }

    @Test("a pool whose work is said to be slow answers later, and one that is said to be full takes nothing")
    func pools() {
        final class Full: FaultPointWatch, @unchecked Sendable {
            // Safety: belongs to the thread of its world.
            let point: String
            init(_ point: String) { self.point = point }
            func reached(_ point: String, by loop: Loop) {}
            func fails(at point: String, in loop: Loop) -> Bool { point == self.point }
        }
        for (point, isTaken) in [("no room in the pool", false), ("slow work in the pool", true)] {
            let world = VirtualWorld(seed: 1), loop = world.makeLoop("here"), pool = WorkPool(threads: 0)
            let watch = loop.perform { Full(point) }, told = Told()
            loop.watchFaultPoints(watch)
            loop.spawn {
                do throws(WorkPool.Full) { told.answer = try await loop.offload(to: pool, virtualCost: .milliseconds(1)) { 7 } } catch {
                    told.isRefused = true
                }
                told.at = loop.now.nanoseconds
            }
            world.run(for: .seconds(5))
            #expect((told.answer == 7) == isTaken && told.isRefused == !isTaken)
            #expect(isTaken == (told.at > 100_000_000), "at \(told.at) ns")
            _ = pool.close()
            withExtendedLifetime(watch) {}
        }
    }

    private final class Told: @unchecked Sendable {
        // Safety: belongs to the thread of its world.
        var answer: Int?
        var isRefused = false
        var at: Int64 = 0
    }
}
