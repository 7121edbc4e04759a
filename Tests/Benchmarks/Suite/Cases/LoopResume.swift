import CTwins
import ClusterModel
import EventLoop

/// Tasks that wait on mailboxes and are resumed by another task of the same loop, as request tasks are by a link's batch.
struct LoopResume: BenchmarkCase {
    let name = "loop-resume"
    private static let taskCounts = [1, 64, 256]

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for tasks in Self.taskCounts {
            let result = try measure(tasks: tasks, repetitions: settings.repetitions)
            figures.append(Figure("a resume, \(tasks) tasks", result.nanoseconds, "ns"))
            figures.append(Figure("allocations a resume, \(tasks) tasks", result.allocations, "", .atMost(0), kind: .allocations))
        }
        return figures
    }

    private struct Result: Sendable {
        var nanoseconds = Double.infinity
        var allocations = 0.0
    }

    private func measure(tasks: Int, repetitions: Int) throws(BenchmarkFailure) -> Result {
        try LoopRun.value { loop in
            let driver = ResumeDriver(loop: loop, tasks: tasks)
            // Resumes a repetition: enough that reading the clock is nothing.
            let rounds = max(1, 4_096 / (tasks + 1)), resumes = Double(rounds * (tasks + 1))
            var result = Result()
            await driver.run(rounds: 2 * rounds)
            let before = ctwins_allocations().watched
            ctwins_count_allocations(true)
            await driver.run(rounds: rounds)
            ctwins_count_allocations(false)
            result.allocations = Double(ctwins_allocations().watched - before) / resumes
            for _ in 0..<repetitions {
                let start = Measuring.nanoseconds
                await driver.run(rounds: rounds)
                result.nanoseconds = min(result.nanoseconds, Double(Measuring.nanoseconds - start) / resumes)
            }
            driver.close()
            return result
        }
    }
}

/// One mailbox and task for each of many requests; a round wakes each once, and the last of them wakes the driver.
@LoopActor
private final class ResumeDriver {
    private let loop: Loop
    private let mailboxes: [Mailbox<UInt32>]
    private let done: Mailbox<UInt32>
    private var left = 0
    private var batch: [UInt32] = []

    init(loop: Loop, tasks: Int) {
        self.loop = loop
        done = Mailbox(on: loop)
        mailboxes = (0..<tasks).map { _ in Mailbox(on: loop) }
        for mailbox in mailboxes {
            loop.spawn { [self] in
                var batch: [UInt32] = []
                while await mailbox.next(&batch, until: loop.now + .seconds(30)) == .items {
                    left -= batch.count
                    if left == 0 { done.put(1) }
                }
            }
        }
    }

    func run(rounds: Int) async {
        // An actor's own storage may not be lent across a wait.
        var batch: [UInt32] = []
        swap(&batch, &self.batch)
        for round in 0..<rounds {
            left = mailboxes.count
            for mailbox in mailboxes { mailbox.put(UInt32(truncatingIfNeeded: round)) }
            _ = await done.next(&batch, until: loop.now + .seconds(30))
        }
        swap(&batch, &self.batch)
    }

    func close() {
        for mailbox in mailboxes { mailbox.close() }
    }
}
