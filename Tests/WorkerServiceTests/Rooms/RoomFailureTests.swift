import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol
import WorkerService

/// Each failure ends both legs: at once where one side knows of it, else after the limit that is named for it.
@Suite("What a room does when something fails")
struct RoomFailureTests {
    /// A partner is released within this once the failure is known.
    private static let atOnce = Duration.milliseconds(200)

    private func bed(
        seed: UInt64 = 1, decode: MockConfiguration = .split(), prefillFaults: EngineFaults? = nil, decodeFaults: EngineFaults? = nil
    ) throws -> SplitBed {
        try SplitBed(seed: seed, decode: decode) { config, isPrefill in
            if let faults = isPrefill ? prefillFaults : decodeFaults { config.engine = .faulty(config.engine, faults) }
        }
    }

    /// Both legs ended with these reasons and this code, the second not long after the first.
    private func expectEnds(
        _ bed: SplitBed, _ counter: UInt64 = 1, prefill: EndReason, decode: EndReason, _ code: FailureCode,
        apart: Duration = Self.atOnce, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try bed.finish(counter)
        let given = try #require(bed.front.line(bed.prefill).endedAt(counter), sourceLocation: sourceLocation)
        let taken = try #require(bed.front.line(bed.decode).endedAt(counter), sourceLocation: sourceLocation)
        #expect(given.status.reason == prefill && given.status.failure?.code == code, "\(given.status)", sourceLocation: sourceLocation)
        #expect(taken.status.reason == decode && taken.status.failure?.code == code, "\(taken.status)", sourceLocation: sourceLocation)
        let gap = given.at < taken.at ? given.at.duration(to: taken.at) : taken.at.duration(to: given.at)
        #expect(gap <= apart, "\(gap)", sourceLocation: sourceLocation)
        #expect(bed.leftovers() == [], sourceLocation: sourceLocation)
    }

    // MARK: Engines

    @Test("damaged bytes are caught, and both legs end")
    func damage() throws {
        var faults = EngineFaults()
        faults.damagedExports = 1
        // The export is damaged in the engine, before the checksum; the decode engine knows its own pages.
        let bed = try bed(prefillFaults: faults)
        bed.split(1, prompt: 1_000)
        try expectEnds(bed, prefill: .failed, decode: .failed, .engineFailed)
    }

    @Test("an engine that fails to store ends both legs")
    func refusedStore() throws {
        var faults = EngineFaults()
        faults.refusedStores = 1
        let bed = try bed(decodeFaults: faults)
        bed.split(1, prompt: 1_000)
        try expectEnds(bed, prefill: .failed, decode: .failed, .engineFailed)
    }

    @Test("a prefill engine that does not take its leg releases the decode leg")
    func prefillRefused() throws {
        var faults = EngineFaults()
        faults.refusals = 1
        let bed = try bed(prefillFaults: faults)
        bed.split(1)
        try expectEnds(bed, prefill: .failed, decode: .prefillLost, .capacity)
    }

    @Test("a decode engine that does not take its leg releases the prefill leg")
    func decodeRefused() throws {
        var faults = EngineFaults()
        faults.refusals = 1
        let bed = try bed(decodeFaults: faults)
        bed.split(1)
        try bed.finish(1)
        // Its room was over before it was offered.
        #expect(bed.front.line(bed.prefill).ended(1)?.failure?.code == .roomClosed)
        #expect(bed.front.line(bed.decode).ended(1)?.failure?.code == .capacity)
        #expect(bed.world.now < .zero + .seconds(1))
        #expect(bed.leftovers() == [])
    }

    @Test("pages of another shape are refused by name")
    func incompatible() throws {
        var other = MockConfiguration.split()
        other.kv = MockKVConfiguration(layers: 3)
        let bed = try bed(decode: other)
        bed.split(1)
        try bed.finish(1)
        #expect(bed.front.line(bed.prefill).ended(1)?.failure?.field == "shape")
        #expect(bed.front.line(bed.prefill).ended(1)?.failure?.reason.contains("layers") == true)
        try expectEnds(bed, prefill: .failed, decode: .prefillLost, .incompatibleKV)
    }

    @Test("an engine that dies takes its legs with it, and their partners are released", arguments: [true, false])
    func engineDies(isPrefill: Bool) throws {
        var faults = EngineFaults()
        faults.failsAtToken = 1
        let bed = try bed(prefillFaults: isPrefill ? faults : nil, decodeFaults: isPrefill ? nil : faults)
        bed.split(1)
        try bed.finish(1)
        if isPrefill {
            try expectEnds(bed, prefill: .failed, decode: .prefillLost, .engineFailed)
        } else {
            // The state had arrived: the prefill leg has done its part.
            #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
            #expect(bed.front.line(bed.decode).ended(1)?.reason == .failed)
            // What the dead engine held last is what its rank still shows.
            #expect(bed.leftovers().filter { !$0.contains("engine holds") } == [])
        }
    }

    // MARK: Nobody comes

    @Test("a decode leg whose peer never offers ends after the rendezvous limit")
    func nobodyOffers() throws {
        let bed = try bed(), began = bed.world.now
        bed.front.send(bed.decodeLeg(1), to: bed.decode)
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1) }
        let end = try #require(bed.front.line(bed.decode).endedAt(1))
        #expect(end.status.reason == .prefillLost && end.status.failure?.code == .roomClosed)
        #expect(began.duration(to: end.at).isBetween(.seconds(10), and: .milliseconds(10_600)))
        #expect(bed.leftovers() == [])
    }

    @Test("a prefill leg whose peer never hears of the room ends after the rendezvous limit, and nothing was computed")
    func nobodyExpects() throws {
        let bed = try bed(), began = bed.world.now
        bed.front.send(bed.prefillLeg(1), to: bed.prefill)
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        let end = try #require(bed.front.line(bed.prefill).endedAt(1))
        #expect(end.status.reason == .failed && end.status.failure?.code == .roomClosed)
        #expect(began.duration(to: end.at).isBetween(.seconds(10), and: .milliseconds(10_600)))
        #expect(bed.prefill.count("apus_worker_prefill_tokens_total") == "0")
        // The room has a tombstone: who comes now does not wait.
        bed.front.send(bed.decodeLeg(1), to: bed.decode)
        try bed.until("the refusal", within: .milliseconds(100)) { bed.front.line(bed.decode).refused(1) != nil }
        #expect(bed.front.line(bed.decode).refused(1)?.failure.code == .roomClosed)
        #expect(bed.leftovers() == [])
    }

    @Test("blocks that cannot be had within the rendezvous limit end both legs with capacity")
    func noBlocks() throws {
        let bed = try bed(decode: .split(blocks: 80, step: .milliseconds(30)))
        // It takes nearly all blocks, and runs for longer than the limit.
        bed.front.send(bed.entry(7, prompt: 640, maxTokens: 600), to: bed.decode)
        bed.pass(.milliseconds(500))
        let began = bed.world.now
        bed.split(1, prompt: 900)
        try bed.finish(1)
        #expect(began.duration(to: bed.world.now) <= .milliseconds(10_600))
        bed.front.cancel(7, at: bed.decode)
        try expectEnds(bed, prefill: .failed, decode: .failed, .capacity)
    }

    @Test("a peer whose patience began before the request came hears of the lack of blocks in time, and so does the frontend")
    func noBlocksForAnEarlyPeer() throws {
        let bed = try bed(decode: .split(blocks: 80, step: .milliseconds(30)))
        bed.front.send(bed.entry(7, prompt: 640, maxTokens: 600), to: bed.decode)
        bed.pass(.milliseconds(500))
        let began = bed.world.now
        bed.front.send(bed.prefillLeg(1, prompt: 900), to: bed.prefill)
        bed.pass(.seconds(4))
        bed.front.send(bed.decodeLeg(1, prompt: 900), to: bed.decode)
        try bed.finish(1)
        #expect(began.duration(to: bed.world.now).isBetween(.seconds(10), and: .milliseconds(10_300)))
        #expect(bed.front.line(bed.decode).ended(1)?.failure?.field == "room")
        bed.front.cancel(7, at: bed.decode)
        try expectEnds(bed, prefill: .failed, decode: .failed, .capacity)
    }

    @Test("time in which a worker did not run does not count against who comes into its rooms")
    func paused() throws {
        let bed = try bed(), source = try KVSource(bed)
        bed.front.send(bed.decodeLeg(1) { $0.room = source.plan }, to: bed.decode)
        bed.pass(.seconds(1))
        bed.decode.loop.freeze()
        bed.pass(.milliseconds(1_200))
        bed.decode.loop.thaw()
        bed.pass(.milliseconds(8_600))
        #expect(bed.front.line(bed.decode).ended(1) == nil, "ten seconds and what it waits beyond have passed")
        source.offer(source.open(1))
        try bed.until("ready", within: .milliseconds(200)) { source.answers[1] != nil }
        #expect(source.failure() == nil)
        source.end()
        bed.front.cancel(1, at: bed.decode)
        #expect(bed.leftovers() == [])
    }

    @Test("a peer that does not listen ends the prefill leg as soon as that is known")
    func unreachable() throws {
        let bed = try bed()
        bed.front.send(
            bed.prefillLeg(1) {
                $0.room?.peerAddress = Address(host: "decode", port: 9).description
            }, to: bed.prefill)
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.prefill).isOver(1) }
        let end = bed.front.line(bed.prefill).ended(1)
        #expect(end?.reason == .failed && end?.failure?.code == .roomClosed && end?.failure?.field == "peerAddress")
        #expect(bed.leftovers() == [])
    }

    @Test("another life of the peer is not given the state", arguments: [true, false])
    func wrongLife(isPrefill: Bool) throws {
        let bed = try bed()
        bed.front.send(bed.decodeLeg(1) { if !isPrefill { $0.room?.peerGeneration += 1 } }, to: bed.decode)
        bed.front.send(bed.prefillLeg(1) { if isPrefill { $0.room?.peerGeneration += 1 } }, to: bed.prefill)
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.front.line(bed.prefill).ended(1)?.failure?.code == .roomClosed)
        bed.front.cancel(1, at: bed.decode)
        try bed.finish(1)
        #expect(bed.leftovers() == [])
    }

    // MARK: Cancels

    @Test(
        "a cancel of either leg at any moment releases the other at once",
        arguments: [true, false], [0, 1, 2, 5, 11, 20, 35, 60, 90, 130, 180])
    func cancel(atPrefill: Bool, milliseconds: Int) throws {
        let bed = try bed(seed: UInt64(milliseconds) + 1)
        bed.split(1, prompt: 1_500, maxTokens: 50)
        bed.pass(.milliseconds(milliseconds))
        let side = atPrefill ? bed.prefill : bed.decode, other = atPrefill ? bed.decode : bed.prefill
        bed.front.cancel(1, at: side)
        let known = bed.world.now
        // A room that was not offered yet is known to nobody else: whoever cancels tells both.
        if milliseconds == 0 { bed.front.cancel(1, at: other) }
        if bed.front.line(bed.prefill).ended(1)?.reason == .handedOver {
            bed.front.cancel(1, at: bed.decode)
        } else {
            try bed.until("the partner's end", within: Self.atOnce) { bed.front.line(other).isOver(1) }
            #expect(known.duration(to: bed.world.now) <= Self.atOnce)
        }
        try bed.finish(1)
        bed.pass(.milliseconds(400))
        let computed = bed.prefill.count("apus_worker_prefill_tokens_total")
        bed.pass(.seconds(1))
        #expect(bed.prefill.count("apus_worker_prefill_tokens_total") == computed, "prefill stops")
        #expect(bed.leftovers() == [])
    }

    @Test("a leg that is cancelled in the turn in which it came is never given to the engine")
    func cancelledBeforeOffered() throws {
        let bed = try bed()
        bed.split(1)
        try bed.finish(1)
        // The link to the peer stands: the offer is the next thing to leave.
        let computed = bed.prefill.count("apus_worker_prefill_tokens_total")
        bed.front.send(bed.decodeLeg(2), to: bed.decode)
        bed.pass(.milliseconds(50))
        bed.front.send([bed.prefillLeg(2)], to: bed.prefill, cancelled: [2])
        bed.pass(.seconds(1))
        #expect(bed.prefill.count("apus_worker_prefill_tokens_total") == computed)
        bed.front.cancel(2, at: bed.decode)
        #expect(bed.leftovers() == [])
    }

    @Test("a higher attempt takes the place of a lower one, and finds what had arrived", arguments: [60, 120])
    func superseded(milliseconds: Int) throws {
        let bed = try bed()
        bed.split(1, prompt: 1_500)
        bed.pass(.milliseconds(milliseconds))
        bed.front.send(bed.entry(1, attempt: 2, prompt: 1_500), to: bed.decode)
        try bed.until("the second attempt") { bed.front.line(bed.decode).isOver(1, attempt: 2) }
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .superseded)
        #expect(bed.front.line(bed.decode).ended(1, attempt: 2)?.reason == .finished)
        #expect(bed.front.line(bed.decode).started(1, attempt: 2)?.status.cachedTokens ?? 0 > 0)
        #expect(bed.front.line(bed.prefill).ended(1)?.failure?.code == .cancelled)
        #expect(bed.leftovers() == [])
    }

    // MARK: Silence

    @Test("a prefill engine that stands still is given up after the stall limit, though its worker lives")
    func engineStands() throws {
        var faults = EngineFaults()
        faults.stall = EngineFaults.Stall(step: 4, duration: .seconds(20))
        let bed = try bed(prefillFaults: faults)
        bed.split(1, prompt: 1_500)
        try bed.until("the first chunk") { bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}") != "" }
        let began = bed.world.now
        try bed.finish(1)
        #expect(began.duration(to: bed.world.now).isBetween(.milliseconds(4_900), and: .milliseconds(5_300)))
        try expectEnds(bed, prefill: .failed, decode: .prefillLost, .stalled)
    }

    @Test("a prefill worker that dies is waited for as long as a lost link may be, not longer", arguments: [true, false])
    func prefillDies(isSilent: Bool) throws {
        let bed = try bed()
        bed.split(1, prompt: 3_500)
        try bed.until("the first chunk") { bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}") != "" }
        let died = bed.world.now
        bed.prefill.host.kill(isSilent ? .silent : .reset)
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1) }
        let end = try #require(bed.front.line(bed.decode).endedAt(1))
        #expect(end.status.reason == .prefillLost && end.status.failure?.code == .stalled)
        // The stall limit; before it the silence of a link, where nothing says that it ended.
        #expect(died.duration(to: end.at) <= .milliseconds(isSilent ? 7_300 : 5_100))
        bed.pass(.seconds(30))
        #expect(bed.decode.leftovers == [])
    }

    @Test("a decode worker that dies is tried again until the stall limit, not longer", arguments: [true, false])
    func decodeDies(isSilent: Bool) throws {
        let bed = try bed()
        bed.split(1, prompt: 3_500)
        try bed.until("the first chunk") { bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}") != "" }
        let died = bed.world.now
        bed.decode.host.kill(isSilent ? .silent : .reset)
        try bed.until("the end") { bed.front.line(bed.prefill).isOver(1) }
        let end = try #require(bed.front.line(bed.prefill).endedAt(1))
        #expect(end.status.reason == .failed && end.status.failure?.code == .stalled)
        #expect(died.duration(to: end.at) <= .milliseconds(isSilent ? 7_300 : 5_100))
        bed.pass(.seconds(30))
        #expect(bed.prefill.leftovers == [])
    }

    @Test("a frozen worker is as good as dead, and thawed it holds nothing", arguments: [true, false])
    func frozen(isPrefill: Bool) throws {
        let bed = try bed(), frozen = isPrefill ? bed.prefill : bed.decode, other = isPrefill ? bed.decode : bed.prefill
        bed.split(1, prompt: 3_500)
        try bed.until("the first chunk") { bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}") != "" }
        frozen.loop.freeze()
        try bed.until("the end", within: .milliseconds(7_300)) { bed.front.line(other).isOver(1) }
        bed.pass(.seconds(5))
        frozen.loop.thaw()
        bed.pass(.seconds(30))
        #expect(bed.prefill.leftovers + bed.decode.leftovers == [])
    }
}
