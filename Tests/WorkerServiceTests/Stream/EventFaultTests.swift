import ClusterModel
import EventLoop
import Telemetry
import Testing
import Transport
import WireProtocol

@testable import WorkerService

@Suite("A stream that is spoilt on purpose")
struct EventFaultTests {
    /// Remembers the numbers of what is published.
    @LoopActor
    private final class Recorder: PublishingSocket {
        struct Message: Hashable {
            let number: UInt64
            let isBeat: Bool
        }

        private(set) var messages: [Message] = []
        private(set) var isClosed = false
        nonisolated init() {}

        let address = Address(host: "nowhere", port: 1)
        var subscriberJoined: (@LoopActor () -> Void)?
        func close() { isClosed = true }

        func publish(_ message: [UInt8]) {
            do throws(WireError) {
                let header = try MessageHeader(reading: message.span.bytes)
                messages.append(Message(number: header.number, isBeat: header.kind == .beat))
            } catch { Issue.record("\(error)") }
        }

        var batches: [UInt64] { messages.filter { !$0.isBeat }.map(\.number) }
    }

    private func run(batches: Int, _ change: (inout EventFaults) -> Void) -> (numbers: [UInt64], messages: [UInt64], beats: Int) {
        var faults = EventFaults()
        change(&faults)
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("worker"), recorder = Recorder()
        let feed = loop.perform {
            FeedPublisher(
                over: FaultyPublisher(recorder, faults, metrics: StreamMetrics(registry: MetricsRegistry())), kind: .workerEvents,
                publisher: 1, generation: 2, loop: loop)
        }
        for _ in 0..<batches {
            world.run(for: .milliseconds(10))
            loop.perform { feed.publish(count: 1) { $0.appendLittleEndian(UInt32(0)) } }
        }
        world.run(for: .seconds(1))
        loop.perform { feed.close() }
        return loop.perform { (recorder.batches, recorder.messages.map(\.number), recorder.messages.count(where: \.isBeat)) }
    }

    @Test("without faults every batch goes through once and in order")
    func none() {
        #expect(run(batches: 200) { _ in }.numbers == Array(1...200))
        #expect(!EventFaults().isActive)
    }

    @Test("about the share that was asked for is lost, and never a beat")
    func loss() {
        let (numbers, _, beats) = run(batches: 4_000) { $0.loss = 0.25 }
        #expect((2_800...3_200).contains(numbers.count) && numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        let all = run(batches: 400) { $0.loss = 1 }
        #expect(all.numbers == [] && all.beats >= 16 && beats >= 160)
    }

    @Test("repeated batches are the same batch, and late ones come behind the next message; none is lost")
    func others() {
        let twice = run(batches: 2_000) { $0.duplicate = 0.5 }.numbers
        #expect(twice == twice.sorted() && Set(twice).count == 2_000 && (2_850...3_150).contains(twice.count))
        let (late, messages, _) = run(batches: 2_000) { $0.reorder = 0.3 }
        #expect(late.sorted() == Array(1...2_000) && late != late.sorted())
        for (index, number) in messages.enumerated() where index > 0 { #expect(number + 2 >= messages[index - 1]) }
        let all = run(batches: 2_000) {
            $0.loss = 0.1
            $0.duplicate = 0.2
            $0.reorder = 0.2
        }
        #expect(Set(all.numbers).isSubset(of: Set(1...2_000)) && Set(all.numbers).count > 1_700)
    }

    @Test("a seed gives the same faults again, another one others")
    func seeds() {
        func numbers(_ seed: UInt64) -> [UInt64] {
            run(batches: 300) {
                $0.loss = 0.3
                $0.reorder = 0.3
                $0.seed = seed
            }.numbers
        }
        #expect(numbers(1) == numbers(1) && numbers(1) != numbers(2))
    }

    @Test("a worker says at its start that its stream is spoilt, and replays what was lost")
    func worker() throws {
        let bed = try WorkerBed { config in
            config.eventFaults.loss = 0.5
            config.eventFaults.duplicate = 0.2
        }
        try bed.registered()
        #expect(bed.log.contains("spoilt"))
        let front = try bed.frontend(), link = try front.open(.recovery).get()
        front.generate(front.entry(1, maxTokens: 300), front.entry(2, maxTokens: 300))
        try front.finish(1)
        bed.pass(.milliseconds(100))
        #expect(!bed.router.faults.isEmpty, "gaps were noticed")
        let answer = try front.ask(
            link,
            ReplayQuestion(stream: .workerEvents, publisher: 0x3033, generation: 0x77, firstSequence: 1, lastSequence: .max),
            ReplayAnswer.self
        ).get()
        let events = try Codec.decodeBody(WorkerEvents.self, from: answer.batch.span.bytes).events
        #expect(answer.lastSequence == answer.newestSequence && UInt64(events.count) == answer.newestSequence)
        #expect(events.count { if case .requestEnded = $0 { true } else { false } } == 2)
        #expect(bed.count("apus_worker_injected_faults_total{kind=\"loss\"}") != "0")
    }
}
