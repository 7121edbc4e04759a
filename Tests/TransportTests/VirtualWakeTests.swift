import ClusterModel
import EventLoop
import Testing

@Suite("Wake-ups in virtual time")
struct VirtualWakeTests {
    @LoopActor
    private final class Beats {
        private let loop: Loop
        private(set) var count = 0
        init(_ loop: Loop) { self.loop = loop }

        func start() {
            loop.schedule(after: .milliseconds(250)) { [self] in
                count += 1
                start()
            }
        }
    }

    @Test("a wake-up that a nearer timer overtook wakes nobody: turns grow with what is due, and not with the past")
    func overtaken() {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("a")
        let beats = loop.perform { Beats(loop) }
        loop.perform { beats.start() }
        // Every 10 ms a timer that is nearer than the beat which the loop waits for.
        for tick in 1...3_000 {
            world.schedule(after: .milliseconds(Int64(tick) * 10)) { _ = loop.perform { loop.schedule(after: .milliseconds(1)) {} } }
        }
        world.run(for: .seconds(60))
        #expect(loop.perform { beats.count } == 240)
        #expect(world.turns < 10_000, "\(world.turns) turns for 3,240 timers and 3,000 visits")
    }
}
