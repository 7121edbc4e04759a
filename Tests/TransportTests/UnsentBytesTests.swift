import ClusterModel
import EventLoop
import Testing

@testable import Transport

/// What waits in a stream for its kernel, beside the same bytes in one list.
@Suite struct UnsentBytesTests {
    @Test("bytes leave in the order in which they came, whatever is taken at a time", arguments: 1...20)
    func order(seed: UInt64) {
        var random = SeededRandom(seed: seed), next: UInt8 = 0
        var unsent = UnsentBytes(), twin: [UInt8] = [], outbox: [UInt8] = []
        for _ in 0..<2_000 {
            if random.next() % 2 == 0 {
                let count = Int(random.next() % 200), sent = twin.isEmpty && count > 0 ? Int(random.next() % UInt64(count)) : 0
                let bytes = (0..<count).map { _ in
                    next &+= 1
                    return next
                }
                twin += bytes[sent...]
                if random.next() % 3 == 0 {
                    unsent.append(bytes, from: sent)
                } else {
                    outbox += bytes
                    unsent.append(&outbox, from: sent)
                    outbox.removeAll(keepingCapacity: true)
                }
            } else if let (bytes, start) = unsent.first {
                #expect(Array(bytes[start...]) == Array(twin.prefix(bytes.count - start)))
                let taken = Int(random.next() % UInt64(bytes.count - start + 1))
                unsent.took(taken)
                twin.removeFirst(taken)
            }
            #expect(unsent.count == twin.count)
            #expect(unsent.isEmpty == twin.isEmpty)
        }
    }

    @Test("the buffer of what has left is the next one's, until nobody needs it")
    func spare() {
        var unsent = UnsentBytes(), outbox = [UInt8](repeating: 1, count: 100_000)
        unsent.append(&outbox, from: 0)
        #expect(outbox.capacity == 0)
        unsent.took(100_000)
        outbox = [2]
        unsent.append(&outbox, from: 0)
        #expect(outbox.isEmpty && outbox.capacity >= 100_000)
        unsent.took(1)
        unsent.append(&outbox, from: 0)
        outbox = [3]
        unsent.append(&outbox, from: 0)
        unsent.took(1)
        unsent.dropSpare()
        outbox = [4]
        unsent.append(&outbox, from: 0)
        #expect(outbox.capacity == 0)
    }

    @Test("what somebody else holds is sent, and its buffer left alone")
    func foreign() {
        var unsent = UnsentBytes(), outbox: [UInt8] = []
        let payload = [UInt8](repeating: 7, count: 4_096)
        unsent.append(payload, from: 96)
        #expect(unsent.count == 4_000)
        unsent.took(4_000)
        outbox = [1]
        unsent.append(&outbox, from: 0)
        #expect(outbox.capacity == 0)
        #expect(payload.allSatisfy { $0 == 7 })
    }
}
