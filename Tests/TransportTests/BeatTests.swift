import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@Suite("Beats of a feed")
struct BeatTests {
    @LoopActor
    private final class Heard {
        private(set) var beats: [Beat] = []
        private(set) var batches = 0
        /// Numbers and origins of beats that do not fit their fields.
        private(set) var faults = 0
        private var socket: (any SubscribingSocket)?

        init(_ process: any TestProcess, to address: Address) throws(TransportError) {
            socket = try process.network.subscriber(to: address) { [weak self] bytes in self?.take(RawSpan(_unsafeBytes: bytes)) }
        }

        private func take(_ message: RawSpan) {
            do throws(WireError) {
                let header = try MessageHeader(reading: message)
                guard header.kind == .beat else { return batches += 1 }
                let beat = try Codec.decode(Beat.self, from: message)
                if header.number != beat.lastSequence || header.origin != 77 { faults += 1 }
                beats.append(beat)
            } catch { faults += 1 }
        }
    }

    private func open(_ harness: any Harness) async throws -> (publisher: FeedPublisher, heard: Heard) {
        let b = harness.b, a = harness.a, place = harness.addressOfB, network = b.network, loop = b.loop
        let publisher = try await b.run {
            try FeedPublisher(on: place, kind: .workerEvents, publisher: 0xABC, generation: 77, loop: loop, network: network)
        }
        let address = try await b.run { publisher.address }
        let heard = try await a.run { try Heard(a, to: address) }
        try await a.until("a beat") { !heard.beats.isEmpty }
        return (publisher, heard)
    }

    @Test("a beat names its publisher, the last number and the state, as they are", arguments: [1, 2] as [UInt64])
    func fields(seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed), (publisher, heard) = try await open(harness)
        #expect(
            try await harness.a.run { heard.beats.last } == Beat(publisher: 0xABC, lastSequence: 0, state: .starting, pausedMilliseconds: 0)
        )
        try await harness.b.run {
            publisher.state = .ready
            publisher.publish(count: 3) { $0.append(3) }
        }
        try await harness.pass(.milliseconds(260))
        #expect(
            try await harness.a.run { heard.beats.last } == Beat(publisher: 0xABC, lastSequence: 3, state: .ready, pausedMilliseconds: 0))
        try await harness.b.run { publisher.state = .draining }
        try await harness.pass(.milliseconds(260))
        #expect(try await harness.a.run { heard.beats.last?.state } == .draining)
        #expect(try await harness.a.run { heard.faults } == 0)
        let count = try await harness.a.run { heard.beats.count }
        try await harness.b.run { publisher.close() }
        try await harness.pass(.seconds(2))
        #expect(try await harness.a.run { heard.beats.count } <= count + 1)
    }

    @Test("the beat behind a pause says how long it was, at once, and the next one that there was none", arguments: [1, 2] as [UInt64])
    func pauses(seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed), (publisher, heard) = try await open(harness)
        for milliseconds in [3_000, 1_200] as [Int64] {
            let before = try await harness.a.run { heard.beats.count }
            await harness.b.freeze()
            try await harness.pass(.milliseconds(milliseconds))
            await harness.b.thaw()
            try await harness.pass(.milliseconds(2))
            let beats = try await harness.a.run { Array(heard.beats.dropFirst(before)) }
            let paused = try #require(beats.last?.pausedMilliseconds)
            #expect(beats.count == 1 && abs(Int64(paused) - milliseconds) <= 2)
            try await harness.pass(.milliseconds(260))
            #expect(try await harness.a.run { heard.beats.last?.pausedMilliseconds } == 0)
        }
        try await harness.b.run { publisher.close() }
    }
}
