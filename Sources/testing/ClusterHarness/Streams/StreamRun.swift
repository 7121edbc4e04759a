import ClusterModel
import Engines
import EventLoop
package import StreamFollowing
import Transport
import WireProtocol

/// A real worker under random work, and readers that follow its stream through a network that loses, repeats, reorders and breaks, by a seed.
///
/// What must hold: what a reader's mirror is told is clean and in order; each gap is counted; after the last fault each reader is in step
/// soon, and its picture is the worker's truth.
package struct StreamRun {
    package struct Options: Sendable {
        package var readers = 3
        /// How long things go wrong, in virtual time.
        package var span = Duration.seconds(12)

        package init() {}
    }

    package struct Report: Sendable {
        package let seed: UInt64
        package fileprivate(set) var traceHash: UInt64 = 0
        package fileprivate(set) var counters = FollowerCounters()
        package fileprivate(set) var requests = 0
        package fileprivate(set) var events: UInt64 = 0
        package fileprivate(set) var blocks = 0
        package fileprivate(set) var lives = 1
        /// What went wrong on purpose, in order.
        package fileprivate(set) var faults: [String] = []
        /// Empty when all held.
        package fileprivate(set) var violations: [String] = []
        /// Of each reader, what its follower noted last.
        package fileprivate(set) var notices: [(name: String, lines: [String])] = []

        package var line: String {
            "seed \(seed): trace \(String(traceHash, radix: 16)), \(requests) requests, \(lives) lives, last number \(events), \(blocks) blocks; "
                + "\(counters.gaps) gaps of \(counters.missingEvents) events (\(counters.lateEvents) late), \(counters.replays) replays, "
                + "\(counters.snapshots) snapshots of \(counters.pages) pages, \(counters.duplicates) repeats, \(counters.backwards) backwards, "
                + "\(counters.failures) failed; \(faults.count) faults, \(violations.count) violations"
        }
    }

    private let options: Options
    private var script: StreamFaults
    private var report: Report

    package static func run(seed: UInt64, _ options: Options = Options()) -> Report {
        var run = StreamRun(options: options, script: StreamFaults(seed: seed, readers: options.readers), report: Report(seed: seed))
        run.run()
        return run.report
    }

    private mutating func run() {
        let end = script.world.now + options.span
        script.load.start()
        while script.world.now < end { script.strike() }
        if report.seed % 3 == 0 { countAnew() }
        script.calm()
        rest()
        clear()
        report.faults = script.events
        report.traceHash = script.world.traceHash
        report.requests = script.load.ended
        report.lives = script.lives
        report.violations += script.readers.flatMap(\.violations)
        for reader in script.readers { report.counters.add(reader.counters) }
        if !report.violations.isEmpty { report.notices = script.readers.map { ($0.name, $0.notices) } }
        script.end()
    }

    /// A publisher that begins to count anew in the same life, which none should: everybody joins anew.
    ///
    /// It says little until everybody has heard it. Had it counted past a reader's number before that reader heard it, nobody could tell its
    /// events from those that were missing: that is why a generation is that of one life.
    private mutating func countAnew() {
        script.calm()
        guard follows("before it counts anew", within: Self.recovery) else { return }
        script.load.stop()
        script.countAnew()
        script.pass(Self.quiet)
        script.load.start()
        script.pass(Self.quiet)
        if follows("after it counted anew", within: Self.recovery) { for reader in script.readers { reader.forgiveGaps() } }
    }

    /// All readers are in step with numbers that were really given, while work goes on.
    private mutating func follows(_ when: String, within limit: Duration) -> Bool {
        let isWell = script.until(within: limit) { script.readers.allSatisfy { $0.state == .inStep } }
        if !isWell { report.violations.append("\(when): not everybody is in step") }
        return isWell
    }

    /// No more work and no more faults: soon every reader shows what the worker holds.
    private mutating func rest() {
        script.load.stop()
        if !script.until(within: .seconds(120), { script.worker.isIdle }) { report.violations.append("the worker is not idle") }
        // Who takes snapshots because the ring is short waits between them.
        script.pass(script.isRingShort ? Self.longQuiet : Self.quiet)
        let late = script.joiner()
        if !script.until(within: Self.quiet, { late.state == .inStep }) { report.violations.append("a reader that joins at rest does not") }
        report.violations += script.worker.engine.problems
        compare("at rest")
        report.events = late.position
        report.blocks = late.picture.blockCount
        // Links that nobody asks on any more are closed, and nothing is held.
        script.pass(.seconds(5))
        report.violations += script.readers.flatMap(\.leftovers)
    }

    private static let quiet = Duration.seconds(2)
    private static let longQuiet = Duration.seconds(17)
    private static let recovery = Duration.seconds(30)

    private mutating func compare(_ when: String) {
        let truth = script.worker.blocks, leases = script.load.leases
        guard let last = script.readers.last else { return }
        for reader in script.readers {
            let picture = reader.picture
            var wrong: [String] = []
            if reader.state != .inStep { wrong.append("is \(reader.state) at \(reader.position)") }
            if reader.position != last.position { wrong.append("is at \(reader.position), not at \(last.position)") }
            if picture.blocks != truth { wrong.append("has other blocks than the engine: \(picture.blockCount)") }
            if picture.requests.keys.sorted() != leases { wrong.append("has leases \(picture.requests.keys.sorted()) for \(leases)") }
            wrong += picture.differences(from: last.picture).map { "differs from a fresh reader: \($0)" }
            report.violations += wrong.map { "\(when): \(reader.name) \($0)" }
        }
    }

    /// After a clear of all ranks every reader is empty within 100 ms.
    private mutating func clear() {
        for rank in script.worker.engine.profile.ranks.indices { script.worker.engine.clearSoon(Rank(UInt32(rank))) }
        script.load.nudge()
        script.pass(.milliseconds(100))
        for reader in script.readers where reader.picture.blockCount != 0 {
            report.violations.append("\(reader.name) shows \(reader.picture.blockCount) blocks 100 ms after a clear")
        }
    }
}

extension FollowerCounters {
    /// The sums of several readers.
    fileprivate mutating func add(_ other: FollowerCounters) { self = adding(other) }
}
