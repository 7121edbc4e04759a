import ClusterModel
import Engines
import EventLoop
import TestSupport
import Testing
import Transport
import WireProtocol
import WorkerService

/// Whatever a peer answers, the prefill worker keeps within what was granted, and ends by name.
@Suite("A peer that receives KV state, towards a prefill worker")
struct HostileSinkTests {
    private func begin(
        credits: UInt32 = 16 << 10, prompt: Int = 1_600, _ set: (KVSink) -> Void = { _ in }
    ) throws -> (SplitBed, KVSink) {
        let bed = try SplitBed(), sink = try KVSink(bed, credits: credits)
        set(sink)
        bed.front.send(bed.prefillLeg(1, prompt: prompt) { $0.room = sink.plan }, to: bed.prefill)
        return (bed, sink)
    }

    private func expectFailed(_ bed: SplitBed, _ code: FailureCode, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        let end = bed.front.line(bed.prefill).ended(1)
        #expect(end?.reason == .failed && end?.failure?.code == code, "\(String(describing: end))", sourceLocation: sourceLocation)
        #expect(bed.leftovers() == [], sourceLocation: sourceLocation)
    }

    @Test("what is under way never exceeds the credits, and each grant is used", arguments: [4_096, 16_384, 65_536, 1 << 20] as [UInt32])
    func credits(credits: UInt32) throws {
        let (bed, sink) = try begin(credits: credits, prompt: 3_200) { $0.acknowledgesAfter = .milliseconds(30) }
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
        #expect(sink.bytes == 3_200 * 64 && sink.chunks.allSatisfy { $0.data.count <= Int(credits) / 4 })
        #expect(sink.breaches == [])
        #expect(sink.roomEnds.first?.handOver.isEmpty == false, "the mock engine marks its state")
        #expect(sink.roomEnds.first?.chunks == UInt32(sink.chunks.count) && sink.roomEnds.first?.totalBytes == 3_200 * 64)
        #expect(bed.leftovers() == [])
    }

    @Test("without acknowledgements it sends what was granted, waits for the stall limit, and says so")
    func noAcks() throws {
        let (bed, sink) = try begin()
        try bed.until("the credits are used") { sink.bytes == 16 << 10 }
        let began = bed.world.now
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(began.duration(to: bed.world.now).isBetween(.milliseconds(4_900), and: .milliseconds(5_100)))
        #expect(sink.bytes == 16 << 10)
        bed.pass(.milliseconds(50))
        #expect(sink.aborts.first?.abort.failure.code == .stalled)
        try expectFailed(bed, .stalled)
    }

    @Test("an acknowledgement that is said again is no progress")
    func repeatedAcks() throws {
        let (bed, sink) = try begin { sink in
            sink.whenChunk = { [loop = sink.loop] chunk, link in
                guard chunk.chunk == 0 else { return }
                for second in 1...15 as ClosedRange<Int64> {
                    loop.schedule(after: .seconds(second)) { link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: 1, credits: 0)) }
                }
            }
        }
        try bed.until("the end", within: .milliseconds(6_500)) { bed.front.line(bed.prefill).isOver(1) }
        try expectFailed(bed, .stalled)
        #expect(sink.breaches == [])
    }

    @Test("a transfer that goes on may last longer than a request may be silent")
    func longTransfer() throws {
        let bed = try SplitBed(), sink = try KVSink(bed, credits: 4_096)
        sink.acknowledgesAfter = .milliseconds(30)
        let leg = bed.prefillLeg(1, prompt: 3_200) {
            $0.room = sink.plan
            $0.silenceMilliseconds = 300
        }
        bed.front.send(leg, to: bed.prefill)
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        let end = bed.front.line(bed.prefill).ended(1)
        #expect(end?.reason == .handedOver && (end?.durations.exposedTransferMicroseconds ?? 0) > 1_000_000)
        #expect(bed.leftovers() == [])
    }

    @Test("choices that are cancelled before the peer is ready are never computed", arguments: [1, 2, 3])
    func cancelledChoices(count: Int) throws {
        let bed = try SplitBed(), sink = try KVSink(bed)
        sink.ready = nil
        let leg = bed.prefillLeg(1) {
            $0.choices = 3
            $0.room = sink.plan
        }
        bed.front.send(leg, to: bed.prefill)
        bed.pass(.milliseconds(100))
        for choice in 0..<UInt8(count) { bed.front.cancel(1, choice: choice, at: bed.prefill) }
        bed.pass(.milliseconds(100))
        if count == 3 {
            #expect(bed.front.line(bed.prefill).ended(1)?.reason == .cancelled)
        } else {
            sink.answerOffers()
            try bed.until("the end", within: .seconds(2)) { bed.front.line(bed.prefill).isOver(1) }
            #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
            #expect(sink.roomEnds.first?.firstTokens.map(\.choice) == Array(UInt8(count)..<3))
            #expect(bed.front.line(bed.prefill).tokens(1, choice: 0).isEmpty)
        }
        #expect(bed.leftovers() == [])
    }

    @Test("an end that is not answered is given up after the stall limit")
    func noDone() throws {
        let (bed, sink) = try begin(credits: 1 << 20, prompt: 100) { $0.answersEnd = false }
        try bed.until("the end was said") { !sink.roomEnds.isEmpty }
        let began = bed.world.now
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(began.duration(to: bed.world.now) <= .milliseconds(5_100))
        try expectFailed(bed, .stalled)
    }

    @Test("an acknowledgement of what was never sent ends the link")
    func wrongAck() throws {
        let (bed, sink) = try begin { sink in
            sink.whenChunk = { chunk, link in link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: 1_000, credits: 0)) }
        }
        try expectFailed(bed, .roomClosed)
        guard case .goodbye(.protocolError, byPeer: true) = sink.ends.first else { return #expect(Bool(false), "\(sink.ends)") }
    }

    @Test("more credits than can be counted are no more than that")
    func greatCredits() throws {
        let (bed, sink) = try begin { sink in
            sink.whenChunk = { chunk, link in
                for _ in 0..<3 { link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: chunk.chunk + 1, credits: .max)) }
            }
        }
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver && sink.bytes == 1_600 * 64)
        #expect(bed.leftovers() == [])
    }

    @Test("readiness for what was never offered ends the leg", arguments: 0..<3)
    func wrongReady(kind: Int) throws {
        let (bed, _) = try begin { sink in
            sink.ready = { open in
                .ready(
                    RoomReady(
                        roomNumber: kind == 0 ? open.roomNumber + 1 : open.roomNumber, credits: 0, heldBlocks: kind == 1 ? .max : 0,
                        nextChunk: kind == 2 ? 1 : 0))
            }
        }
        try expectFailed(bed, .invalidArgument)
        #expect(bed.prefill.count("apus_worker_prefill_tokens_total") == "0")
    }

    @Test(
        "each refusal of an offer is the end of the leg, with its code, and nothing is computed",
        arguments: [
            FailureCode.roomClosed, .capacity, .incompatibleKV, .draining, .cancelled,
        ])
    func refusal(code: FailureCode) throws {
        let (bed, _) = try begin { $0.ready = { _ in .refused(Failure(code, field: "room")) } }
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.prefill.count("apus_worker_prefill_tokens_total") == "0")
        try expectFailed(bed, code)
    }

    @Test("an offer that is never answered is given up after the rendezvous limit, and the peer is told")
    func noAnswer() throws {
        let (bed, sink) = try begin { $0.ready = nil }
        let began = bed.world.now
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(began.duration(to: bed.world.now).isBetween(.seconds(10), and: .milliseconds(10_600)))
        bed.pass(.milliseconds(50))
        #expect(sink.aborts.first?.abort.failure.code == .roomClosed)
        try expectFailed(bed, .roomClosed)
    }

    @Test("an abort ends the leg at once, whatever its code", arguments: [FailureCode.cancelled, .checksum, .engineFailed])
    func abort(code: FailureCode) throws {
        let (bed, sink) = try begin { sink in
            sink.whenChunk = { chunk, link in
                link.send(RoomAbort(roomNumber: chunk.roomNumber, room: RequestKey(), failure: Failure(code).detail))
            }
        }
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.prefill).isOver(1) }
        #expect(sink.aborts.isEmpty)
        try expectFailed(bed, code)
    }

    @Test("pages that are larger than a quarter of the credits go layer by layer; where a layer is, the leg ends")
    func smallCredits() throws {
        let (bed, sink) = try begin(credits: 2_048, prompt: 64) { sink in
            sink.whenChunk = { chunk, link in
                link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: chunk.chunk + 1, credits: UInt32(chunk.data.count)))
            }
        }
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
        #expect(sink.chunks.count == 8 && sink.chunks.allSatisfy { $0.layerCount == 1 && $0.data.count == 512 })
        #expect(bed.leftovers() == [])
        let (narrow, _) = try begin(credits: 2_000, prompt: 64)
        try expectFailed(narrow, .incompatibleKV)
    }

    @Test("more rooms than may wait at a peer wait their turn, and whose turn never comes ends with capacity")
    func turns() throws {
        let bed = try SplitBed(prefill: .split(waiting: 4_096)), sink = try KVSink(bed), most = 1_024
        sink.ready = nil
        let legs = (1...UInt64(most + 6)).map { counter in bed.prefillLeg(counter, prompt: 20) { $0.room = sink.plan } }
        bed.front.send(legs, to: bed.prefill)
        bed.pass(.seconds(1))
        #expect(sink.offers.count == most)
        bed.front.send([], to: bed.prefill, cancelled: Array(1...3))
        bed.pass(.seconds(1))
        #expect(sink.aborts.count == 3)
        bed.pass(.seconds(10))
        let ends = legs.dropFirst(3).map { bed.front.line(bed.prefill).ended($0.counter)?.failure?.code }
        #expect(ends.count { $0 == .roomClosed } == most - 3 && ends.suffix(6).allSatisfy { $0 == .capacity })
        #expect(bed.leftovers() == [])
    }

    @Test("many rooms that end together all end well")
    func endsTogether() throws {
        let bed = try SplitBed(prefill: .split(waiting: 4_096)), sink = try KVSink(bed)
        sink.answersEndAfter = .seconds(3)
        let legs = (1...80 as ClosedRange<UInt64>).map { counter in bed.prefillLeg(counter, prompt: 20) { $0.room = sink.plan } }
        bed.front.send(legs, to: bed.prefill)
        try bed.until("all ends") { legs.allSatisfy { bed.front.line(bed.prefill).isOver($0.counter) } }
        #expect(legs.allSatisfy { bed.front.line(bed.prefill).ended($0.counter)?.reason == .handedOver })
        #expect(sink.roomEnds.count == 80)
        #expect(bed.leftovers() == [])
    }
}

extension Failure {
    fileprivate var detail: FailureDetail {
        FailureDetail(code: code, retryAfterMilliseconds: retryAfterMilliseconds, field: field, reason: reason)
    }
}
