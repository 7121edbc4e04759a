import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Asks two workers for split requests, several at a time, and counts what is handed over meanwhile: their frontend, but for the text.
@LoopActor
final class TransferLoad: LinkHandler {
    struct Result: Sendable {
        var plainBytes: UInt64 = 0
        var sentBytes: UInt64 = 0
        var nanoseconds: Int64 = 0
        /// The first thing that went wrong.
        var fault: String?

        var bytesPerSecond: Double { Double(plainBytes) * 1e9 / Double(max(nanoseconds, 1)) }
        var ratio: Double { Double(plainBytes) / Double(max(sentBytes, 1)) }
    }

    private static let pages = 64
    private static let atOnce = 4
    /// States end in bunches of `atOnce`; over so many bunches the one that the window cuts weighs little.
    private static let fewest = 5 * atOnce
    /// That the fewest have, whatever the window: the slowest codec on a busy machine moves 50 MB/s.
    private static let patience = Duration.seconds(30)
    private static let decodeID: UInt64 = 2, prefillID: UInt64 = 1
    private static let origin: UInt64 = 9
    private static var stateBytes: UInt64 { UInt64(pages * StateEngine.pageBytes) }

    private let loop: EpollLoop
    private let endpoint: LinkEndpoint
    private let prefillAddress: Address
    private let decodeAddress: Address
    private var prefill: Link?
    private var decode: Link?
    private let pool = StateEngine.card.digest
    private var counter: UInt64 = 0
    private var result = Result()
    private var handedOver = 0
    private var isOver = false
    private let signal: Signal

    nonisolated static func policy(_ role: PeerRole, id: UInt64) -> LinkPolicy {
        LinkPolicy(
            identity: Identity(role: role, id: id, generation: id, name: "benchmark"), cluster: ClusterValues(clusterID: "benchmark"))
    }

    init(_ loop: EpollLoop, prefillPort: UInt16, decodePort: UInt16) throws {
        self.loop = loop
        endpoint = LinkEndpoint(
            loop: loop, network: try NngNetwork(on: loop), policy: Self.policy(.frontend, id: Self.origin))
        prefillAddress = Address(host: "127.0.0.1", port: prefillPort)
        decodeAddress = Address(host: "127.0.0.1", port: decodePort)
        signal = Signal(on: loop)
    }

    func run(warmUp: Duration, window: Duration) async -> Result {
        switch await (endpoint.dial(prefillAddress, kind: .data, handler: self), endpoint.dial(decodeAddress, kind: .data, handler: self)) {
        case (.success(let first), .success(let second)): (prefill, decode) = (first, second)
        default: return Result(fault: "the workers cannot be reached")
        }
        for _ in 0..<Self.atOnce { begin() }
        await signal.pause(until: loop.now + warmUp)
        result = Result(fault: result.fault)
        let began = loop.now
        handedOver = 0
        while result.fault == nil, loop.now < began + window || handedOver < Self.fewest {
            guard loop.now < began + Self.patience else { result.fault = "is too slow: \(handedOver) states were handed over"; break }
            await signal.pause(until: loop.now < began + window ? began + window : began + Self.patience)
        }
        isOver = true
        result.nanoseconds = began.duration(to: loop.now).inNanoseconds
        return result
    }

    private func begin() {
        counter += 1
        var entry = GenerateEntry()
        entry.counter = counter
        entry.attempt = 1
        entry.choices = 1
        entry.pool = pool
        entry.promptTokens = [TokenID](repeating: 3, count: Self.pages * Int(StateEngine.pageTokens))
        entry.sampling.maxTokens = 1
        var room = RoomPlan()
        room.direction = .receive
        (room.peerWorkerID, room.peerGeneration) = (Self.prefillID, Self.prefillID)
        room.rendezvousMilliseconds = 10_000
        entry.leg = .decode
        entry.room = room
        decode?.send(GenerateBatch(entries: [entry]), origin: Self.origin)
        room.direction = .push
        (room.peerWorkerID, room.peerGeneration) = (Self.decodeID, Self.decodeID)
        room.peerAddress = decodeAddress.description
        entry.leg = .prefill
        entry.room = room
        prefill?.send(GenerateBatch(entries: [entry]), origin: Self.origin)
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard header.kind == .statusBatch, let batch = try? Codec.decodeBody(StatusBatch.self, from: body) else { return }
        for status in batch.entries {
            switch status {
            case .refusedStatus(let refusal): fail("refused: \(refusal.failure.reason)")
            case .endedStatus(let ended) where ended.leg == .prefill:
                guard ended.reason == .handedOver else { return fail("ended: \(ended.failure?.reason ?? "")") }
                result.plainBytes += Self.stateBytes
                result.sentBytes += ended.transferBytes
                handedOver += 1
                if handedOver == Self.fewest { signal.wake() }
                if !isOver { begin() }
            default: break
            }
        }
    }

    private func fail(_ fault: String) {
        result.fault = result.fault ?? fault
        signal.wake()
    }

    func link(_ link: Link, ended: LinkEnd) { if !isOver { fail("a link ended: \(ended)") } }
}
