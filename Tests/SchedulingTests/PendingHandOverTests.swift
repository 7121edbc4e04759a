import ClusterModel
import Scheduling
import Testing

@Suite("Decode legs that are not placed yet")
struct PendingHandOverTests {
    private static func request(_ counter: UInt64) -> RequestID { RequestID(origin: 1, counter: counter) }

    @Test("what a prefill leg will hand over is known for its attempt, and for no other")
    func attempts() {
        var pending = PendingHandOvers<Int>()
        pending.note(Self.request(1), attempt: 1, 7, at: .zero)
        #expect(pending[Self.request(1), 1] == 7 && pending[Self.request(1), 2] == nil && pending[Self.request(2), 1] == nil)
        pending.note(Self.request(1), attempt: 2, 8, at: .zero)
        #expect(pending[Self.request(1), 1] == nil && pending[Self.request(1), 2] == 8)
        pending.forget(Self.request(1), through: 1)
        #expect(pending[Self.request(1), 2] == 8)
        pending.forget(Self.request(1), through: 2)
        #expect(pending.count == 0)
    }

    @Test("it is forgotten after its time, and the oldest give way where there are too many")
    func bounds() {
        var pending = PendingHandOvers<Int>(lasting: .seconds(10), most: 3)
        for counter in 1...4 as ClosedRange<UInt64> { pending.note(Self.request(counter), attempt: 1, 0, at: .zero + .seconds(1)) }
        #expect(pending.count == 3 && pending[Self.request(1), 1] == nil)
        // Said anew it is the youngest.
        pending.note(Self.request(2), attempt: 2, 1, at: .zero + .seconds(5))
        pending.note(Self.request(9), attempt: 1, 0, at: .zero + .seconds(12))
        #expect(pending.count == 2 && pending[Self.request(2), 2] == 1)
        var busy = PendingHandOvers<Int>(most: 100)
        for counter in 0..<100_000 as Range<UInt64> {
            busy.note(Self.request(counter), attempt: 1, 0, at: .zero)
            if counter % 2 == 0 { busy.forget(Self.request(counter), through: 1) }
        }
        #expect(busy.count <= 100)
    }
}
