import ClusterModel
import Testing

@Suite("Identifiers") struct IdentifierTests {
    @Test("a 64-bit id is sixteen digits as text, and back", arguments: [0, 1, 0x0123_4567_89ab_cdef, .max] as [UInt64])
    func words(_ value: UInt64) {
        let worker = WorkerID(value)
        #expect(worker.description.utf8.count == 16)
        #expect(WorkerID(text: worker.description) == worker)
        var bytes: [UInt8] = []
        Hexadecimal.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == worker.description)
    }

    @Test("the text is what a person expects")
    func text() {
        #expect(RouterID(0xabc).description == "0000000000000abc")
        #expect(RequestID(origin: 1, counter: 0xff).description == "0000000000000001-00000000000000ff")
        #expect(LeaseID(router: RouterID(2), number: 3).description == "0000000000000002-0000000000000003")
        #expect(Placement(worker: WorkerID(1), rank: Rank(7)).description == "0000000000000001/7")
        #expect(Attempt.first.description == "0")
    }

    @Test("pairs are read back")
    func pairs() {
        let request = RequestID(origin: .max, counter: 12)
        #expect(RequestID(text: request.description) == request)
        #expect(request.frontend == FrontendID(.max))
        let lease = LeaseID(router: RouterID(5), number: .max)
        #expect(LeaseID(text: lease.description) == lease)
    }

    @Test(
        "anything else is no id",
        arguments: ["", "1", "000000000000000g", "00000000000000001", " 000000000000001", "+000000000000001", "00000000000000１"])
    func refused(_ text: String) {
        #expect(Generation(text: text) == nil)
        #expect(RequestID(text: text + "-0000000000000001") == nil)
        #expect(LeaseID(text: "0000000000000001-" + text) == nil)
        #expect(RequestID(text: "0000000000000001") == nil)
        #expect(RequestID(text: "0000000000000001-0000000000000001-") == nil)
    }

    @Test("order is that of the first part, then the second")
    func order() {
        #expect(RequestID(origin: 1, counter: 9) < RequestID(origin: 2, counter: 0))
        #expect(RequestID(origin: 1, counter: 0) < RequestID(origin: 1, counter: 1))
        #expect(Placement(worker: WorkerID(1), rank: Rank(9)) < Placement(worker: WorkerID(2), rank: Rank(0)))
        #expect(LeaseID(router: RouterID(1), number: 9) < LeaseID(router: RouterID(2), number: 0))
        #expect(Attempt.first < Attempt(1))
        #expect(Generation(1) < Generation(2))
    }

    @Test("attempts end where they can no longer be counted")
    func attempts() {
        #expect(Attempt.first.next == Attempt(1))
        #expect(Attempt(255).next == nil)
    }

    @Test("tokens are little-endian bytes and back, and a broken length appends nothing")
    func tokens() {
        let tokens: [TokenID] = [1, 0x0102_0304, .max]
        var bytes: [UInt8] = []
        TokenBytes.append(tokens.span, to: &bytes)
        #expect(bytes == [1, 0, 0, 0, 4, 3, 2, 1, 255, 255, 255, 255])
        var read: [TokenID] = [9]
        #expect(TokenBytes.appendTokens(from: bytes.span.bytes, to: &read))
        #expect(read == [9] + tokens)
        #expect(!TokenBytes.appendTokens(from: bytes.span.bytes.extracting(1..<12), to: &read))
        #expect(read.count == 4)
    }
}
