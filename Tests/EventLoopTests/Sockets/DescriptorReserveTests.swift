import Concurrency
import TestSupport
import Testing

@testable import EventLoop

@Suite("T24: the last descriptors of a process")
struct DescriptorReserveTests {
    @Test(
        "a quarter of few descriptors is kept, and never more than is of use",
        arguments: [
            (0, 0), (4, 1), (256, 64), (512, 128), (1_024, 128), (65_536, 128), (Int.max, 128),
        ])
    func size(limit: Int, reserve: Int) {
        let room = DescriptorReserve(limit: limit), most = Int(clamping: Int32.max)
        for number in [0, 3, limit - reserve - 1, limit - reserve, limit - reserve / 2 - 1, limit - reserve / 2, limit - 1, limit, most]
        where (0...most).contains(number) {
            let expected: DescriptorReserve.Place =
                number < limit - reserve ? .free : number < limit - reserve / 2 ? .reserve : .last
            #expect(room.place(of: Int32(number)) == expected, "\(number) of \(limit)")
        }
    }

    /// Sockets of a process that may have as many descriptors as it is told, a listener, and who dials it.
    @LoopActor
    private final class Ground {
        private let loop: EpollLoop
        private let sockets: EpollSockets
        private let limit: Lock<Int>
        private var listener: (any SocketListener)?
        private var taken: [any ByteSocket] = []
        private var clients: [any ByteSocket] = []

        init(_ loop: EpollLoop, _ options: ListenOptions) throws {
            let limit = Lock(Int.max)
            (self.loop, self.limit) = (loop, limit)
            sockets = EpollSockets(on: loop, descriptorLimit: { limit.with { $0 } })
            listener = try sockets.listen(host: "127.0.0.1", port: 0, options: options) { [weak self] in self?.taken.append($0) }
        }

        var usesReserve: [Bool] { taken.map(\.usesReserve) }
        var pauses: Int { listener?.pauses ?? 0 }

        func dial(underLimit most: Int) async {
            limit.with { $0 = most }
            let before = taken.count
            sockets.connect(host: "127.0.0.1", port: listener?.port ?? 0, timeout: .seconds(5)) { [weak self] result in
                if case .success(let socket) = result { self?.clients.append(socket) }
            }
            for _ in 0..<10_000 where taken.count == before { await loop.sleep(for: .milliseconds(1)) }
        }

        func close() {
            for socket in taken + clients { socket.close() }
            listener?.close()
        }
    }

    @Test("a listener tells which clients are in the reserve, by the limit as it is when each of them comes, and rests before the next one")
    func listener() async throws {
        let thread = try LoopThread("reserve")
        let told = try await thread.run { loop in
            let ground = try Ground(loop, ListenOptions(leavesReserve: true))
            for limit in [1 << 20, 1, 1 << 20] { await ground.dial(underLimit: limit) }
            defer { ground.close() }
            return (ground.usesReserve, ground.pauses)
        }
        thread.stop()
        #expect(told.0 == [false, true, false])
        #expect(told.1 == 1)
    }

    @Test("others than clients get every descriptor that there is")
    func unreserved() async throws {
        let thread = try LoopThread("no reserve")
        let usesReserve = try await thread.run { loop in
            let ground = try Ground(loop, ListenOptions())
            await ground.dial(underLimit: 1)
            defer { ground.close() }
            return ground.usesReserve
        }
        thread.stop()
        #expect(usesReserve == [false])
    }
}
