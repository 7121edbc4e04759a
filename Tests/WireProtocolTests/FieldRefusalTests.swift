import ClusterModel
import TestSupport
import Testing
import WireProtocol

/// Each rule of `proto-spec/04-messages.md#types`, with the error it names.
@Suite("Refused fields")
struct FieldRefusalTests {
    private func refusal<M: WireMessage>(_ type: M.Type, _ body: [UInt8]) -> WireError? {
        do throws(WireError) {
            _ = try Codec.decodeBody(type, from: body.span.bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test("a bool is 0 or 1")
    func bool() {
        #expect(refusal(SessionEnded.self, [1]) == nil)
        #expect(refusal(SessionEnded.self, [2]) == WireError(.invalidValue, "existed"))
    }

    @Test("an enum has a value of its table")
    func choice() {
        #expect(refusal(Goodbye.self, [1, 0, 0]) == nil)
        #expect(refusal(Goodbye.self, [6, 0, 0]) == WireError(.invalidValue, "reason"))
        #expect(refusal(Goodbye.self, [0, 0, 0]) == WireError(.invalidValue, "reason"))
    }

    @Test("a number is finite")
    func float() {
        var entry = RouteEntry()
        entry.options.priority = 1
        let body = MessageCatalog.body(RouteBatch(endedLeases: [], entries: [entry]))
        let one: [UInt8] = [0, 0, 0x80, 0x3F]
        let place = body.indices.last { body[$0...].starts(with: one) && $0 > 40 && body[$0..<($0 + 4)].elementsEqual(one) }
        #expect(refusal(RouteBatch.self, body) == nil)
        for bits: [UInt8] in [[0, 0, 0x80, 0x7F], [0, 0, 0xC0, 0x7F]] {
            var broken = body
            if let place { broken.replaceSubrange(place..<(place + 4), with: bits) }
            #expect(refusal(RouteBatch.self, broken) == WireError(.invalidValue, "priority"))
        }
    }

    @Test("a text is UTF-8 within its limit")
    func text() {
        #expect(refusal(Goodbye.self, [1, 2, 0, 0xC3, 0xA4]) == nil)
        #expect(refusal(Goodbye.self, [1, 2, 0, 0xC3, 0x28]) == WireError(.invalidText, "detail"))
        #expect(refusal(Goodbye.self, [1, 2, 0, 0xC3]) == WireError(.truncated, "detail"))
        #expect(refusal(Goodbye.self, [1, 1, 2] + [UInt8](repeating: 65, count: 513)) == WireError(.fieldTooLong, "detail"))
        #expect(refusal(Goodbye.self, [1, 0, 2] + [UInt8](repeating: 65, count: 512)) == nil)
    }

    @Test("bytes end within their limit and the message")
    func bytes() {
        #expect(refusal(ExplainAnswer.self, [UInt8](repeating: 0, count: 8) + [1, 0, 0, 0]) == WireError(.truncated, "decision"))
        #expect(refusal(ExplainAnswer.self, [UInt8](repeating: 0, count: 8) + [1, 0, 16, 0]) == WireError(.fieldTooLong, "decision"))
    }

    @Test("a count is within its limit and could be held by the bytes that are left")
    func counts() {
        #expect(refusal(ParityAnswer.self, [0, 0, 0, 0]) == nil)
        #expect(refusal(ParityAnswer.self, [129, 0, 0, 0]) == WireError(.countOverLimit, "lists"))
        #expect(refusal(ParityAnswer.self, [255, 255, 255, 255]) == WireError(.countOverLimit, "lists"))
        #expect(refusal(ParityAnswer.self, [2, 0, 0, 0, 0]) == WireError(.truncated, "lists"))
        #expect(
            refusal(ParityAnswer.self, [1, 0, 0, 0] + [2, 0, 0, 0] + [UInt8](repeating: 0, count: 15))
                == WireError(.truncated, "blockHashes"))
        #expect(refusal(WorkerEvents.self, [1, 0, 0, 0, 3, 0, 0, 0]) == WireError(.truncated, "events"))
        #expect(refusal(CancelRoute.self, [1, 16, 0, 0]) == WireError(.countOverLimit, "requests"))
    }

    @Test("a sized part ends where it says")
    func sized() {
        // A variant of four bytes in a region of five: the last byte is no tail.
        #expect(refusal(WorkerEvents.self, [1, 0, 0, 0, 3, 5, 0, 0, 0, 9, 0, 0, 0, 1]) == WireError(.badTail, "events"))
        #expect(refusal(WorkerEvents.self, [1, 0, 0, 0, 3, 3, 0, 0, 0, 9, 0, 0, 0]) == WireError(.truncated, "rank"))
        #expect(refusal(WorkerEvents.self, [1, 0, 0, 0, 3, 9, 0, 0, 0, 9, 0, 0, 0]) == WireError(.truncated, "events"))
        #expect(refusal(WorkerEvents.self, [1, 0, 0, 0, 3, 4, 0, 0, 0, 9, 0, 0, 0, 1]) == WireError(.badTail, "tail"))
    }

    @Test("a frame has no flags but those it knows, and a leg of the table")
    func frameFlags() {
        func frame(leg: UInt8, flags: UInt8) -> [UInt8] { [1, 0, 0, 0] + [UInt8](repeating: 0, count: 14) + [leg, 0, flags] }
        #expect(refusal(TokenBatch.self, frame(leg: 2, flags: 0)) == nil)
        #expect(refusal(TokenBatch.self, frame(leg: 3, flags: 0)) == WireError(.invalidValue, "leg"))
        #expect(refusal(TokenBatch.self, frame(leg: 0, flags: 8)) == WireError(.reservedNotZero, "flags"))
    }

    @Test("no element of a list is so large that its limit would let a peer take more than 4 MiB beside the bytes it sent")
    func amplification() {
        func bytes<T>(_ type: T.Type, _ limit: Int) -> Int { MemoryLayout<T>.stride * limit }
        let lists = [
            bytes(WorkerEvent.self, Limits.eventsPerBatch), bytes(RouterChange.self, Limits.eventsPerBatch),
            bytes(FrontendChange.self, Limits.eventsPerBatch), bytes(SnapshotEntry.self, Limits.snapshotEntries),
            bytes(StatusEntry.self, Limits.batchEntries), bytes(GenerateEntry.self, Limits.batchEntries),
            bytes(RouteEntry.self, Limits.batchEntries), bytes(PlanEntry.self, Limits.batchEntries),
            bytes(TokenFrame.self, Limits.framesPerBatch), bytes(ContinuedChoice.self, Limits.choices),
        ]
        for size in lists { #expect(size <= 4 << 20) }
    }
}
