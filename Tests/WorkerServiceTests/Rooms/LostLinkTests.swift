import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol
import WorkerService

@Suite("A kv link that is lost")
struct LostLinkTests {
    /// Chunks of 4 pages, 28 of them.
    private static func bed(_ seed: UInt64, breaksAt chunk: UInt64? = nil) throws -> SplitBed {
        try SplitBed(seed: seed) { config, _ in
            config.rooms.credits = 16 << 10
            config.rooms.breaksAtChunk = chunk
        }
    }

    private static let prompt = 1_792
    private static let chunks = 28

    private func expectWhole(_ bed: SplitBed, resentAtMost: Int) throws {
        try bed.finish(1)
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver)
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
        let text = try bed.wholeText(1, prompt: Self.prompt)
        #expect(bed.front.line(bed.decode).tokens(1) == text)
        // What goes twice is no more state.
        #expect(bed.prefill.count("apus_worker_kv_bytes_total{direction=\"sent\",form=\"plain\"}") == "\(Self.prompt * 64)")
        // The decode worker takes each chunk once: one that it had acknowledged would not be the next one, and end the room.
        let received = bed.decode.count("apus_worker_kv_bytes_total{direction=\"received\",form=\"plain\"}")
        #expect(received == "\(Self.prompt * 64)")
        let sent = bed.prefill.count("apus_worker_kv_chunks_total{direction=\"sent\"}")
        #expect(sent == bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}"))
        let wire = Int(bed.prefill.count("apus_worker_kv_bytes_total{direction=\"sent\",form=\"wire\"}")) ?? 0
        #expect(wire - Self.prompt * 64 <= resentAtMost * 4_096, "\(wire) bytes were sent")
        #expect(bed.leftovers() == [])
    }

    @Test("at every chunk: it goes on where the peer stands, and sends nothing again that was acknowledged", arguments: 1...28)
    func everyChunk(chunk: Int) throws {
        let bed = try Self.bed(UInt64(chunk), breaksAt: UInt64(chunk))
        bed.split(1, prompt: Self.prompt)
        // What is under way fits the credits: four chunks.
        try expectWhole(bed, resentAtMost: 4)
    }

    @Test("after any number of bytes in either direction", arguments: 0..<40)
    func everyByte(step: Int) throws {
        let bed = try Self.bed(UInt64(step) + 100)
        if step % 2 == 0 {
            bed.fabric.breakStream(from: "prefill", to: "decode", afterBytes: 500 + step * 3_100, step % 4 == 0 ? .reset : .closed)
        } else {
            bed.fabric.breakStream(from: "decode", to: "prefill", afterBytes: 300 + step * 30, step % 4 == 1 ? .reset : .closed)
        }
        bed.split(1, prompt: Self.prompt)
        try expectWhole(bed, resentAtMost: 4)
    }

    @Test("again and again, as long as something gets through", arguments: 1...4 as ClosedRange<UInt64>)
    func again(seed: UInt64) throws {
        let bed = try Self.bed(seed)
        bed.split(1, prompt: Self.prompt)
        for _ in 0..<12 where !bed.front.line(bed.decode).isOver(1) {
            bed.pass(.milliseconds(17 + Int(seed) * 3))
            bed.fabric.breakStreams(between: "prefill", and: "decode")
        }
        try expectWhole(bed, resentAtMost: 48)
    }

    @Test("between the end and its answer: the room is done, and the sender hears it on the next link")
    func beforeDone() throws {
        for bytes in stride(from: 600, through: 2_400, by: 40) {
            let bed = try Self.bed(UInt64(bytes))
            bed.fabric.breakStream(from: "decode", to: "prefill", afterBytes: bytes, .reset)
            bed.split(1, prompt: Self.prompt)
            try bed.finish(1)
            #expect(bed.front.line(bed.prefill).ended(1)?.reason == .handedOver, "after \(bytes) bytes")
            #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished, "after \(bytes) bytes")
        }
    }

    @Test("a partition that heals in time is survived; a longer one ends both legs after the stall limit", arguments: [1, 3, 20])
    func partition(seconds: Int) throws {
        let bed = try Self.bed(5)
        bed.split(1, prompt: Self.prompt)
        try bed.until("the first chunk") { bed.decode.count("apus_worker_kv_chunks_total{direction=\"received\"}") != "" }
        bed.fabric.partition("prefill", "decode")
        bed.pass(.seconds(seconds))
        bed.fabric.heal("prefill", "decode")
        try bed.finish(1)
        if seconds < 4 {
            #expect(bed.front.line(bed.decode).ended(1)?.reason == .finished)
        } else {
            #expect(bed.front.line(bed.prefill).ended(1)?.failure?.code == .stalled)
            #expect(bed.front.line(bed.decode).ended(1)?.reason == .prefillLost)
        }
        #expect(bed.leftovers() == [])
    }
}
