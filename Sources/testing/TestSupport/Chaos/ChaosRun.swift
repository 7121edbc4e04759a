import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Two peers that talk over a link and a feed while the network and the processes misbehave, in virtual time, by a seed.
///
/// What must hold whatever happens: a link delivers each message at most once and in order; what was sent before a goodbye arrives; each
/// question and each link ends exactly once; a reader of the feed applies each number once, and knows of every gap; nothing is held at rest.
package struct ChaosRun {
    package struct Report: Sendable {
        package let seed: UInt64
        /// Equal for equal seeds, in every process.
        package fileprivate(set) var traceHash: UInt64 = 0
        package fileprivate(set) var links = 0
        package fileprivate(set) var messages = 0
        package fileprivate(set) var questions = 0
        package fileprivate(set) var answered = 0
        package fileprivate(set) var events = 0
        package fileprivate(set) var gaps = 0
        package fileprivate(set) var faults = 0
        /// Empty when all held.
        package fileprivate(set) var violations: [String] = []

        package var line: String {
            let hash = String(traceHash, radix: 16)
            return "seed \(seed): trace \(hash), \(links) links, \(messages) messages, \(answered) of \(questions) questions answered, "
                + "\(events) events, \(gaps) gaps, \(faults) faults, \(violations.count) violations"
        }
    }

    private let world: VirtualWorld
    private let fabric: SimulatedFabric
    private let dialerLoop: VirtualLoop
    private let listenerLoop: VirtualLoop
    private var random: SeededRandom
    private var report: Report

    /// - Parameter span: how long things go wrong, in virtual time.
    package static func run(seed: UInt64, for span: Duration = .seconds(30)) -> Report {
        var run = ChaosRun(seed: seed)
        return run.run(for: span)
    }

    private init(seed: UInt64) {
        world = VirtualWorld(seed: seed)
        random = SeededRandom(seed: seed ^ 0xC4A0_5000)
        var faults = LinkFaults()
        faults.delay = .microseconds(Int64(50 + random.next() % 5_000))
        faults.jitter = .microseconds(Int64(random.next() % 20_000))
        faults.bytesPerSecond = random.next() % 2 == 0 ? nil : 1_000_000 + Int(random.next() % 50_000_000)
        faults.bufferBytes = 4_096 << Int(random.next() % 7)
        faults.chunkBytes = 256 << Int(random.next() % 9)
        faults.feedLoss = Double(random.next() % 5) / 100
        faults.feedDuplication = Double(random.next() % 6) / 100
        faults.feedReordering = Double(random.next() % 6) / 100
        fabric = SimulatedFabric(world: world, plan: FaultPlan(faults))
        dialerLoop = world.makeLoop("dialer")
        listenerLoop = world.makeLoop("listener")
        report = Report(seed: seed)
    }

    private mutating func run(for span: Duration) -> Report {
        let dialerHost = fabric.host("dialer", loop: dialerLoop), listenerHost = fabric.host("listener", loop: listenerLoop)
        let listener = listenerLoop.perform { ChaosListener(on: listenerLoop, network: listenerHost) }
        let dialer = dialerLoop.perform { ChaosDialer(on: dialerLoop, network: dialerHost) }
        let end = world.now + span
        while world.now < end {
            world.run(for: .milliseconds(Int64(20 + random.next() % 480)))
            misbehave()
        }
        calmDown()
        // Long enough for every deadline that was running: dialling, a handshake, a silent link, a goodbye.
        world.run(for: .seconds(12))
        // The last batch may be lost to nobody: a beat says that it was sent.
        listenerLoop.perform { listener.stopPublishing() }
        world.run(for: .seconds(2))
        dialerLoop.perform { dialer.stop() }
        world.run(for: .seconds(5))
        listenerLoop.perform { listener.stop() }
        world.run(for: .seconds(5))
        judge(dialer, listener)
        report.traceHash = world.traceHash
        return report
    }

    // MARK: Faults

    private mutating func misbehave() {
        report.faults += 1
        let (from, to) = random.next() % 2 == 0 ? ("dialer", "listener") : ("listener", "dialer")
        let loop = random.next() % 2 == 0 ? dialerLoop : listenerLoop, fabric = fabric
        switch random.next() % 8 {
        case 0:
            fabric.cut(from: from, to: to)
            world.schedule(after: .milliseconds(Int64(random.next() % 4_000))) { fabric.heal(from: from, to: to) }
        case 1:
            fabric.partition(from, to)
            world.schedule(after: .milliseconds(Int64(random.next() % 4_000))) { fabric.heal(from, to) }
        case 2: fabric.breakStreams(between: from, and: to, random.next() % 2 == 0 ? .reset : .closed)
        case 3:
            let bytes = Int(random.next() % 20_000)
            fabric.breakStream(from: from, to: to, afterBytes: bytes, random.next() % 2 == 0 ? .reset : .closed)
        case 4:
            loop.freeze()
            world.schedule(after: .milliseconds(Int64(random.next() % 4_000))) { loop.thaw() }
        default: report.faults -= 1
        }
    }

    private func calmDown() {
        fabric.heal("dialer", "listener")
        dialerLoop.thaw()
        listenerLoop.thaw()
        var quiet = LinkFaults()
        quiet.feedLoss = 0
        fabric.plan = FaultPlan(quiet)
    }

    // MARK: Invariants

    private mutating func judge(_ dialer: ChaosDialer, _ listener: ChaosListener) {
        let (near, far) = (dialerLoop.perform { dialer.tally }, listenerLoop.perform { listener.tally })
        report.links = near.opened
        report.messages = near.received + far.received
        report.questions = near.asked + far.asked
        report.answered = near.answered + far.answered
        report.events = near.applied
        report.gaps = near.gaps
        report.violations = near.violations + far.violations
        for (name, tally) in [("dialer", near), ("listener", far)] {
            if tally.opened != tally.ended { report.violations.append("\(name): \(tally.opened) links opened, \(tally.ended) ended") }
            if tally.asked != tally.settled { report.violations.append("\(name): \(tally.asked) questions, \(tally.settled) ended") }
        }
        if near.next != far.published + 1 {
            report.violations.append("the feed's reader is at \(near.next), the publisher at \(far.published + 1)")
        }
        for (name, loop) in [("dialer", dialerLoop), ("listener", listenerLoop)] {
            let timers = loop.perform { loop.timersWaiting }
            if timers != 0 { report.violations.append("\(name): \(timers) timers are left") }
        }
        if fabric.openConnections != 0 { report.violations.append("\(fabric.openConnections) connections are left") }
        if near.opened == 0 || near.received + far.received == 0 { report.violations.append("nothing happened") }
    }
}

/// What one side saw.
struct ChaosTally: Sendable {
    var opened = 0
    var ended = 0
    var received = 0
    var asked = 0
    var settled = 0
    var answered = 0
    var applied = 0
    var gaps = 0
    /// The feed: the number that the reader wants next, the last that was published.
    var next: UInt64 = 1
    var published: UInt64 = 0
    var violations: [String] = []
}
