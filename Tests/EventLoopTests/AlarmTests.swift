import ClusterModel
import TestSupport
import Testing

@testable import EventLoop

@Suite("Alarms")
struct AlarmTests {
    /// Notes when it went off.
    @LoopActor
    private final class Watcher {
        var moments: [Instant] = []
        var alarm: Alarm?

        func make(on loop: Loop) throws(SystemError) -> Alarm {
            let alarm = try loop.makeAlarm { [weak self] in self?.moments.append(loop.preciseNow) }
            self.alarm = alarm
            return alarm
        }
    }

    /// The contract of both kinds.
    @LoopActor
    private func check(_ loop: Loop) async throws {
        let watcher = Watcher(), alarm = try watcher.make(on: loop), start = loop.now
        func wait() async { await loop.sleep(for: .milliseconds(30)) }

        alarm.set(at: start + .milliseconds(5))
        #expect(watcher.moments.isEmpty)
        await wait()
        #expect(watcher.moments.count == 1 && watcher.moments.allSatisfy { $0 >= start + .milliseconds(5) })

        // The same moment, that has passed: at once, though never within the call.
        alarm.set(at: start + .milliseconds(5))
        #expect(watcher.moments.count == 1)
        await wait()
        #expect(watcher.moments.count == 2)

        // The later one stands in place of the earlier, and the earlier of the later.
        let now = loop.now
        alarm.set(at: now + .milliseconds(2))
        alarm.set(at: now + .milliseconds(10))
        alarm.set(at: now + .milliseconds(10))
        await wait()
        #expect(watcher.moments.count == 3 && watcher.moments[2] >= now + .milliseconds(10))
        alarm.set(at: loop.now + .seconds(3_600))
        alarm.set(at: loop.now + .milliseconds(1))
        await wait()
        #expect(watcher.moments.count == 4)

        alarm.set(at: loop.now + .milliseconds(1))
        alarm.close()
        alarm.set(at: loop.now)
        await wait()
        #expect(watcher.moments.count == 4)
        alarm.close()
    }

    @Test("an alarm of the kernel's goes off once for each moment, never early, and not when it is closed")
    func real() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        try await thread.run { @LoopActor (loop: EpollLoop) async throws -> Void in try await self.check(loop) }
    }

    @Test("an alarm in virtual time does the same")
    func virtual() throws {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("alarms")
        nonisolated(unsafe) var isDone = false  // Safety: the world runs on this thread.
        loop.spawn {
            do { try await check(loop) } catch { Issue.record(error) }
            isDone = true
        }
        #expect(world.run(for: .seconds(10)) { isDone })
    }
}
