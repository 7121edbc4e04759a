import ClusterModel
import EventLoop
import Testing

@Suite("Loops in virtual time")
struct VirtualTests {
    @LoopActor
    private final class Record {
        var entries: [String] = []
    }

    /// Two processes that wait random times and note what they did.
    private func run(seed: UInt64) -> (entries: [String], hash: UInt64) {
        let world = VirtualWorld(seed: seed), loops = ["a", "b", "c"].map { world.makeLoop($0) }
        let record = loops[0].perform { Record() }
        for loop in loops {
            loop.spawn {
                for round in 0..<20 {
                    await loop.sleep(for: .milliseconds(Int64(loop.random.next() % 5)))
                    record.entries.append("\(loop.name)\(round)@\(loop.now.nanoseconds / 1_000_000)")
                }
            }
        }
        world.run(for: .seconds(10))
        return (loops[0].perform { record.entries }, world.traceHash)
    }

    @Test("the same seed gives the same order, another seed another")
    func determinism() {
        let first = run(seed: 7), again = run(seed: 7), other = run(seed: 8)
        #expect(first.entries.count == 60)
        #expect(first.entries == again.entries)
        #expect(first.hash == again.hash)
        #expect(first.entries != other.entries)
        #expect(first.hash != other.hash)
    }

    @Test("an hour passes in no time, and timers fire when they should")
    func time() {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("a")
        let record = loop.perform { Record() }
        loop.perform {
            for minutes in [60, 1, 30] as [Int64] {
                loop.schedule(after: .seconds(minutes * 60)) { record.entries.append("\(minutes)@\(loop.now.nanoseconds / 1_000_000_000)") }
            }
        }
        world.run(for: .seconds(3_601))
        #expect(loop.perform { record.entries } == ["1@60", "30@1800", "60@3600"])
        #expect(world.now == .zero + .seconds(3_601))
    }

    @Test("a frozen loop does not run, and is told of its pause when it does; a killed one never runs again")
    func faults() {
        let world = VirtualWorld(seed: 3), frozen = world.makeLoop("frozen"), killed = world.makeLoop("killed")
        let record = frozen.perform { Record() }
        frozen.perform {
            frozen.observePauses(record) { gap in record.entries.append("paused \(gap.inMilliseconds)") }
            frozen.schedule(after: .milliseconds(100)) { record.entries.append("timer") }
        }
        killed.perform { _ = killed.schedule(after: .milliseconds(100)) { record.entries.append("ghost") } }
        frozen.freeze()
        killed.kill()
        world.run(for: .seconds(2))
        #expect(frozen.perform { record.entries } == [])
        frozen.thaw()
        world.run(for: .seconds(1))
        #expect(frozen.perform { record.entries } == ["paused 2000", "timer"])
    }

    @Test("pool work in virtual time answers after the cost that the caller gives")
    func offload() {
        let world = VirtualWorld(seed: 4), loop = world.makeLoop("a"), pool = WorkPool(threads: 0)
        let record = loop.perform { Record() }
        loop.spawn {
            let result = try? await loop.offload(to: pool, virtualCost: .milliseconds(250)) { 42 }
            record.entries.append("\(result ?? 0)@\(loop.now.nanoseconds / 1_000_000)")
        }
        world.run(for: .seconds(1))
        #expect(loop.perform { record.entries } == ["42@250"])
    }
}
