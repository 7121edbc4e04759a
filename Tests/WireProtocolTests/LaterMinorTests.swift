import ClusterModel
import TestSupport
import Testing
import WireProtocol

/// T49, of single messages: what a later minor may write is read as what this one knows of it.
@Suite("Messages of later minors")
struct LaterMinorTests {
    @Test("T49: additions behind every message, sized record and variant are passed over", arguments: MessageKind.allCases)
    func additions(kind: MessageKind) throws {
        var longest = 0
        for seed in 0..<100 {
            let message = MessageCatalog.random(kind, seed: UInt64(seed), seed == 0 ? .full : .random)
            for minor: UInt8 in [1, 2] {
                let body = later(message, minor: minor, addsVariants: false)
                longest = max(longest, body.count - MessageCatalog.body(message).count)
                #expect(body.count > MessageCatalog.body(message).count)
                #expect(
                    try MessageCatalog.decodeAndDescribe(kind, body: body.span.bytes) == MessageCatalog.describe(message), "seed \(seed)")
            }
        }
        // Parts of their own have additions of their own.
        if [.workerEvents, .statusBatch, .generateBatch, .routeBatch].contains(kind) { #expect(longest > 20) }
    }

    @Test("T49: an unknown variant among known ones is kept, and the others are read", arguments: [MessageKind.statusBatch, .snapshotPage])
    func variants(kind: MessageKind) throws {
        for seed in 0..<50 {
            let message = MessageCatalog.random(kind, seed: UInt64(seed)), body = later(message, minor: 2, addsVariants: true)
            let read = try MessageCatalog.decode(kind, body: body.span.bytes)
            switch (message, read) {
            case (let known as StatusBatch, let all as StatusBatch): #expect(Array(all.entries.dropLast()) == known.entries)
            case (let known as SnapshotPage, let all as SnapshotPage): #expect(Array(all.entries.dropLast()) == known.entries)
            default: Issue.record("another kind")
            }
        }
    }

    @Test("cursors pass over them as the layouts do")
    func cursors() throws {
        for seed in 0..<100 as Range<UInt64> {
            let tokens = RandomFiller.message(TokenBatch.self, seed: seed), events = RandomFiller.message(WorkerEvents.self, seed: seed)
            var frames = 0, told = 0
            let longTokens = later(tokens, minor: 2, addsVariants: false), longEvents = later(events, minor: 2, addsVariants: false)
            var batch = try TokenBatchCursor(longTokens.span.bytes)
            while try batch.next() != nil { frames += 1 }
            var changes = try WorkerEventCursor(longEvents.span.bytes)
            while try changes.next() != nil { told += 1 }
            #expect(frames == tokens.frames.count && told == events.events.count, "seed \(seed)")
        }
    }

    @Test("an unknown code of a refusal or a failure is kept, and means nothing more")
    func codes() throws {
        let refusal = Refuse(RefuseCode(rawValue: 999), reason: "of a later minor")
        let failure = Failure(FailureCode(rawValue: 999), reason: "as well")
        var bytes: [UInt8] = []
        Codec.append(refusal, dialect: .synthetic(minor: 2), to: &bytes)
        let read = try Codec.decode(Refuse.self, from: bytes.span.bytes)
        #expect(read == refusal && !read.retryable && read.code.description == "code 999")
        bytes = []
        Codec.append(failure, dialect: .synthetic(minor: 2), to: &bytes)
        #expect(try Codec.decode(Failure.self, from: bytes.span.bytes) == failure)
    }

    private func later<M: WireMessage>(_ message: M, minor: UInt8, addsVariants: Bool) -> [UInt8] {
        LaterWriter.body(of: message, minor: minor, addsVariants: addsVariants)
    }
}
