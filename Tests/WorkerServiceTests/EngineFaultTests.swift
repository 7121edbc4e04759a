import Engines
import Testing
import WorkerService

@Suite("A worker whose engine fails on purpose")
struct EngineFaultTests {
    private func bed(_ change: (inout EngineFaults) -> Void) throws -> WorkerBed {
        var faults = EngineFaults()
        change(&faults)
        return try WorkerBed { [faults] in $0.engine = .faulty(.mock(.worker()), faults) }
    }

    @Test("it says at its start what is on")
    func warning() throws {
        let bed = try bed { ($0.refusals, $0.wrongHashes) = (0.5, 0.1) }
        #expect(bed.log.all.contains { $0.contains("warning") && $0.contains("refused requests, wrong hashes") })
        #expect(try !WorkerBed().log.contains("on purpose"))
    }

    @Test("a crash is told in that moment, once, and nothing of its step is heard; without anybody to tell the engine has failed")
    func crash() throws {
        for isHeard in [true, false] {
            let bed = try bed { $0.crashesAtToken = 5 }
            final class Count: @unchecked Sendable {
                // Safety: touched by the thread of the world.
                var crashes = 0, failures = 0
            }
            let count = Count()
            bed.on { service in
                if isHeard { service.whenCrashed = { count.crashes += 1 } }
                service.whenFailed = { _ in count.failures += 1 }
            }
            try bed.registered()
            let front = try bed.frontend()
            front.generate(front.entry(1, maxTokens: 20))
            try bed.until("it is over") { count.crashes + count.failures > 0 }
            bed.pass(.seconds(1))
            #expect(count.crashes == (isHeard ? 1 : 0) && count.failures == (isHeard ? 0 : 1))
            #expect(front.story(1).filter { $0.hasPrefix("1@") } == (0..<4).map { "1@\($0)" })
        }
    }
}
