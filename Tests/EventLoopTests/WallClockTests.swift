import ClusterModel
import EventLoop
import Testing

@Suite("A wall clock that is set")
struct WallClockTests {
    @LoopActor
    private final class Alarm {
        var rangAt: Instant?
    }

    @Test("T23: everybody reads the clock as it was set, and timers fire when they would have", arguments: [3_600, -3_600])
    func set(seconds: Int64) {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("a"), other = world.makeLoop("b")
        let before = loop.wallClockMilliseconds
        let alarm = loop.perform {
            let alarm = Alarm()
            _ = loop.schedule(after: .seconds(10)) { alarm.rangAt = loop.now }
            return alarm
        }
        world.schedule(after: .seconds(5)) { world.wallClockOffset += .seconds(seconds) }
        world.run(for: .seconds(20))
        #expect(loop.perform { alarm.rangAt } == Instant.zero + .seconds(10))
        #expect([loop, other].map(\.wallClockMilliseconds) == Array(repeating: before + 20_000 + seconds * 1_000, count: 2))
    }
}
