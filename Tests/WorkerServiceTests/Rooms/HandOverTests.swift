import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol
import WorkerService

@Suite("A split request at its two workers")
struct HandOverTests {
    @Test("the state moves while prefill goes on, and the text is that of one worker", arguments: 1...6 as ClosedRange<UInt64>)
    func concurrent(seed: UInt64) throws {
        let bed = try SplitBed(seed: seed)
        bed.split(1, prompt: 1_000, maxTokens: 20)
        try bed.finish(1)
        let prefill = bed.front.line(bed.prefill), decode = bed.front.line(bed.decode)
        let given = try #require(prefill.ended(1)), taken = try #require(decode.ended(1))
        #expect(given.reason == .handedOver && given.failure == nil && given.leg == .prefill)
        #expect(taken.reason == .finished && taken.outputTokens == 20 && taken.leg == .decode)
        let text = try bed.wholeText(1, prompt: 1_000, maxTokens: 20)
        #expect(prefill.tokens(1) == Array(text.prefix(1)))
        #expect(decode.tokens(1) == text && decode.firstPosition(1) == 0)
        // 63 pages of 1 KiB.
        #expect(given.transferBytes == 63 * 1_024)
        #expect(given.durations.transferMicroseconds > given.durations.exposedTransferMicroseconds)
        #expect(given.durations.exposedTransferMicroseconds > 0)
        #expect(decode.accepted(1)?.waitingTokens == 0)
        #expect(bed.prefill.count("apus_worker_kv_transfers_total{direction=\"sent\",outcome=\"done\"}") == "1")
        #expect(bed.decode.count("apus_worker_kv_bytes_total{direction=\"received\",form=\"plain\"}") == "\(63 * 1_024)")
        #expect(bed.leftovers() == [])
    }

    @Test("many at once, over one link, each its own text")
    func many() throws {
        let bed = try SplitBed()
        for counter in 1...20 as ClosedRange<UInt64> { bed.split(counter, prompt: 40 * Int(counter), maxTokens: 10) }
        for counter in 1...20 as ClosedRange<UInt64> { try bed.finish(counter) }
        #expect(bed.fabric.openConnections(between: "prefill", and: "decode") == 1)
        for counter in 1...20 as ClosedRange<UInt64> {
            let text = try bed.wholeText(counter, prompt: 40 * Int(counter), maxTokens: 10)
            #expect(bed.front.line(bed.decode).tokens(counter) == text, "\(counter)")
        }
        #expect(bed.leftovers() == [])
    }

    @Test("either leg may come first")
    func order() throws {
        for prefillFirst in [true, false] {
            let bed = try SplitBed()
            if prefillFirst { bed.front.send(bed.prefillLeg(1), to: bed.prefill) } else { bed.front.send(bed.decodeLeg(1), to: bed.decode) }
            bed.pass(.seconds(3))
            #expect(bed.front.line(bed.prefill).started(1) == nil, "nothing is computed for a room that is not there")
            if prefillFirst { bed.front.send(bed.decodeLeg(1), to: bed.decode) } else { bed.front.send(bed.prefillLeg(1), to: bed.prefill) }
            try bed.finish(1)
            #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
            #expect(bed.leftovers() == [])
        }
    }

    @Test("a text that ends with its first token is finished where it was to be decoded")
    func oneToken() throws {
        let bed = try SplitBed()
        bed.split(1, maxTokens: 1)
        try bed.finish(1)
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
        #expect(bed.front.line(bed.decode).tokens(1).count == 1)
        #expect(bed.leftovers() == [])
    }

    @Test("blocks that the decode worker has are not sent")
    func held() throws {
        let bed = try SplitBed()
        bed.split(1, prompt: 320)
        try bed.finish(1)
        bed.split(1_001, prompt: 320)
        try bed.finish(1_001)
        // All but the block of the last token.
        #expect(bed.front.line(bed.prefill).ended(1_001)?.transferBytes == 1_024)
        #expect(bed.front.line(bed.decode).tokens(1_001) == bed.front.line(bed.decode).tokens(1))
        #expect(bed.leftovers() == [])
    }

    @Test("packed state arrives as it was, in fewer bytes", arguments: [KVCodec.zstd, .splitZstd])
    func packed(codec: KVCodec) throws {
        let bed = try SplitBed { config, _ in config.rooms.codec = .fixed(codec) }
        // A page of one token, and zeros behind it.
        bed.split(1, prompt: 17)
        try bed.finish(1)
        #expect(bed.front.line(bed.prefill).ended(1)?.transferBytes ?? .max < 1_800)
        let text = try bed.wholeText(1, prompt: 17)
        #expect(bed.front.line(bed.decode).tokens(1) == text)
        #expect(bed.decode.count("apus_worker_kv_bytes_total{direction=\"received\",form=\"plain\"}") == "2048")
        #expect(bed.leftovers() == [])
    }

    @Test("several choices share the state, each with its own first token")
    func choices() throws {
        let bed = try SplitBed()
        bed.split(1, prompt: 100, maxTokens: 6) { $0.choices = 3 }
        try bed.finish(1)
        for choice in 0..<3 as Range<UInt8> {
            let text = try bed.wholeText(1 + UInt64(choice) * 1_000, maxTokens: 6, choice: choice, choices: 3)
            #expect(bed.front.line(bed.decode).tokens(1, choice: choice) == text)
            #expect(bed.front.line(bed.prefill).tokens(1, choice: choice) == Array(text.prefix(1)))
        }
        #expect(bed.leftovers() == [])
    }

    @Test("over a slow link many rooms are filled a few at a time, and none of them waits between its chunks for too long")
    func manyOverASlowLink() throws {
        var engine = MockConfiguration.split(blocks: 2_048, waiting: 64)
        engine.room.maxSequences = 64
        var network = LinkFaults()
        network.bytesPerSecond = 30_000
        let bed = try SplitBed(prefill: engine, decode: engine, network: network) { config, _ in config.rooms.credits = 16 << 10 }
        // A chunk of each is 8 s of the link.
        for counter in 1...60 as ClosedRange<UInt64> { bed.split(counter, prompt: 400, maxTokens: 2) }
        for counter in 1...60 as ClosedRange<UInt64> { try bed.finish(counter) }
        #expect((1...60).allSatisfy { bed.front.line(bed.prefill).ended($0)?.reason == .handedOver })
        #expect((1...60).allSatisfy { bed.front.line(bed.decode).ended($0)?.reason == .finished })
        #expect(bed.leftovers() == [])
    }

    @Test("state that waits to be fetched keeps no other request out of the engine's batch, and is not counted against it")
    func heldState() throws {
        var engine = MockConfiguration.split()
        engine.room.maxSequences = 1
        var network = LinkFaults()
        network.bytesPerSecond = 30_000
        let bed = try SplitBed(prefill: engine, network: network)
        for counter in 1...3 as ClosedRange<UInt64> { bed.split(counter, prompt: 400, maxTokens: 2) }
        var most = 0
        try bed.until("three wait to be fetched") {
            #expect(bed.prefill.on { $0.beyondLimits } == [])
            most = max(most, bed.prefill.on { $0.openLegs.count { $0.isPrefilled } })
            return most == 3
        }
        for counter in 1...3 as ClosedRange<UInt64> { try bed.finish(counter) }
        #expect(bed.leftovers() == [])
    }

    @Test("pages whose layers are larger than a chunk usually is travel layer by layer, as far as the format goes")
    func largeLayers() throws {
        var engine = MockConfiguration.split()
        // 2 MiB a layer, as much as a quarter of the credits.
        engine.kv = MockKVConfiguration(headDimension: 1 << 16)
        let bed = try SplitBed(prefill: engine, decode: engine) { config, _ in config.rooms.credits = 8 << 20 }
        bed.split(1, prompt: 20)
        try bed.finish(1)
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
        #expect(bed.prefill.count("apus_worker_kv_chunks_total{direction=\"sent\"}") == "4")
        #expect(bed.leftovers() == [])
    }

    @Test("a continued attempt goes on behind what was shown")
    func continued() throws {
        let bed = try SplitBed()
        let text = try bed.wholeText(1, maxTokens: 30)
        bed.split(1, attempt: 2, maxTokens: 30) { entry in
            var choice = ContinuedChoice()
            choice.shownTokens = Array(text.prefix(12))
            choice.remainingMaxTokens = 18
            choice.penaltyOrigin = 100
            entry.continuation = [choice]
        }
        try bed.finish(1, attempt: 2)
        #expect(bed.front.line(bed.decode).tokens(1, attempt: 2) == Array(text.dropFirst(12)))
        #expect(bed.front.line(bed.decode).firstPosition(1, attempt: 2) == 12)
        #expect(bed.leftovers() == [])
    }

    @Test("in the sequential way the prefill leg ends with parameters, and the decode leg begins with them")
    func sequential() throws {
        let bed = try SplitBed()
        bed.front.send(bed.prefillLeg(1) { $0.room = nil }, to: bed.prefill)
        try bed.until("prefill") { bed.front.line(bed.prefill).isOver(1) }
        let given = try #require(bed.front.line(bed.prefill).ended(1))
        #expect(given.reason == .handedOver && !given.handOver.isEmpty)
        bed.front.send(
            bed.decodeLeg(1) {
                $0.room = nil
                $0.handOver = given.handOver
            }, to: bed.decode)
        try bed.until("decode") { bed.front.line(bed.decode).isOver(1) }
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
        let text = try bed.wholeText(1)
        #expect(bed.front.line(bed.decode).tokens(1) == text)
        #expect(bed.leftovers() == [])
    }
}
