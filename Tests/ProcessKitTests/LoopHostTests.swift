import ClusterModel
import EventLoop
import ProcessKit
import ServiceRuntime
import Testing

@Suite("The host of a process's services, in virtual time")
struct LoopHostTests {
    /// A service whose steps take their time.
    @LoopActor
    fileprivate final class Slow {
        let name: String
        let startTime: Duration
        let drainTime: Duration
        private let loop: Loop
        private let notes: Notes

        init(_ name: String, on loop: Loop, start: Duration = .zero, drain: Duration = .zero, _ notes: Notes) {
            self.name = name
            self.loop = loop
            self.notes = notes
            startTime = start
            drainTime = drain
        }

        func start() async throws {
            notes.add("start \(name)")
            if startTime > .zero { await loop.sleep(for: startTime) }
            notes.add("started \(name)")
        }

        func drain() async -> Bool {
            notes.add("drain \(name)")
            if drainTime > .zero { await loop.sleep(for: drainTime) }
            notes.add("drained \(name)")
            return true
        }

        func stop() { notes.add("stop \(name)") }
    }

    @LoopActor
    fileprivate final class Notes {
        private(set) var all: [String] = []
        nonisolated init() {}
        func add(_ note: String) { all.append(note) }
    }

    /// Services on a host, and how their run ended.
    private final class Group {
        let kit = Kit()
        let host: LoopHost
        private let notes = Notes()
        private let code = Box<ExitCode>()

        init(
            _ services: [(name: String, start: Duration, drain: Duration)], startLimit: Duration = .seconds(60),
            drainLimit: Duration = .seconds(120)
        ) {
            let loop = kit.loop, log = kit.context.log, notes = notes, code = code
            host = loop.perform { LoopHost(on: loop, log: log, systemd: SystemdNotify(environment: [:])) }
            let host = host
            loop.spawn {
                let parts: [any Service] = services.map { Slow($0.name, on: loop, start: $0.start, drain: $0.drain, notes) }
                code.value = await ServiceGroup(parts, startLimit: startLimit, drainLimit: drainLimit).run(on: host)
            }
        }

        var said: [String] {
            let notes = notes
            return kit.loop.perform { notes.all }
        }
        var ended: ExitCode? { code.value }
        var isReady: Bool {
            let host = host
            return kit.loop.perform { host.isReady }
        }
        func request(_ reason: StopReason) {
            let host = host
            kit.loop.perform { host.request(reason) }
        }
    }

    @Test("ready when all services stand, and not from the moment it is told to end")
    func readiness() {
        let group = Group([("a", .seconds(1), .zero), ("b", .seconds(1), .seconds(5))])
        group.kit.pass(.seconds(1.5))
        #expect(!group.isReady)
        group.kit.pass(.seconds(1))
        #expect(group.isReady)
        group.kit.pass(.seconds(200_000))
        #expect(group.isReady && group.ended == nil)
        group.request(.requested(by: "a test"))
        group.kit.pass(.seconds(1))
        #expect(!group.isReady)
        #expect(group.ended == nil)
        group.kit.pass(.seconds(10))
        #expect(group.ended == .ok)
        #expect(
            group.said == [
                "start a", "started a", "start b", "started b", "drain b", "drained b", "stop b", "drain a", "drained a", "stop a",
            ])
    }

    @Test("a start that takes too long is left behind, and the process ends")
    func startLimit() {
        let group = Group([("a", .zero, .zero), ("b", .seconds(100), .zero)], startLimit: .seconds(10))
        group.kit.pass(.seconds(11))
        #expect(group.ended == .failure)
        #expect(group.said == ["start a", "started a", "start b", "stop b", "stop a"])
        // What was left behind ends by itself, and nobody takes its end for another one's.
        group.kit.pass(.seconds(200))
        #expect(group.said.last == "started b")
        #expect(!group.isReady)
    }

    @Test("drains share one limit")
    func drainLimit() {
        let group = Group([("a", .zero, .seconds(8)), ("b", .zero, .seconds(8)), ("c", .zero, .seconds(8))], drainLimit: .seconds(12))
        group.kit.pass(.seconds(1))
        group.request(.requested(by: "a test"))
        group.kit.pass(.seconds(11))
        #expect(group.ended == nil)
        group.kit.pass(.seconds(1.1))
        #expect(group.ended == .failure)
        #expect(group.said.filter { $0.hasPrefix("drained") } == ["drained c"])
        #expect(group.said.filter { $0.hasPrefix("stop") } == ["stop c", "stop b", "stop a"])
    }

    @Test("told to end during a start: the start is not waited for, what stands is drained", arguments: [true, false])
    func stopDuringStart(leaves: Bool) {
        let group = Group([("a", .zero, .seconds(1)), ("b", .seconds(30), .zero), ("c", .zero, .zero)])
        group.kit.pass(.seconds(1))
        group.request(leaves ? .leaveNow(by: "a test") : .requested(by: "a test"))
        group.kit.pass(.seconds(2))
        #expect(group.ended == (leaves ? .failure : .ok))
        #expect(group.said.filter { $0.hasPrefix("drained") } == (leaves ? [] : ["drained a"]))
        #expect(!group.said.contains("start c"))
    }

    @Test("told to end before anything has begun: nothing is started")
    func stopBeforeStart() {
        let group = Group([("a", .seconds(1), .zero)])
        group.request(.requested(by: "a test"))
        group.kit.pass(.seconds(5))
        #expect(group.ended == .ok)
        #expect(!group.said.contains("start a"))
    }

    @Test("told twice: the drain is not waited for, nor is any other")
    func leaveNow() {
        let group = Group([("a", .zero, .seconds(60)), ("b", .zero, .seconds(60))])
        group.kit.pass(.seconds(1))
        group.request(.requested(by: "a test"))
        group.kit.pass(.seconds(1))
        group.request(.requested(by: "a test"))
        group.kit.pass(.seconds(1))
        #expect(group.ended == nil)
        group.request(.leaveNow(by: "a test"))
        group.kit.pass(.milliseconds(10))
        #expect(group.ended == .failure)
        #expect(group.said.filter { $0.hasPrefix("drain") } == ["drain b"])
    }

    @Test("a service that fails ends the process with a failure, drained all the same")
    func failed() {
        let group = Group([("a", .zero, .seconds(1))])
        group.kit.pass(.seconds(1))
        group.request(.failed("a test"))
        group.kit.pass(.seconds(2))
        #expect(group.ended == .failure)
        #expect(group.said.contains("drained a"))
        #expect(group.kit.log.contains { $0.contains("a test") })
    }
}

extension LoopHostTests.Slow: @LoopActor Service {}
