import ClusterModel
import EventLoop
import WireProtocol

/// What a worker's stream says of everything but blocks, as it was at one moment, in pages. Rules: `proto-spec/03-exchanges.md#snapshots`.
///
/// Entries are made when their page is asked for: until then a request takes its numbers and a share in the list of its hashes, which it
/// holds itself while it runs.
struct StateSection: Sendable {
    let sequence: UInt64
    private let first: [SnapshotEntry]
    private let requests: [(numbers: HeldRequest, hashes: [SequenceHash])]
    /// One an entry about a request: which one, and its first block. More hashes than an entry holds are in several.
    private let parts: [(request: UInt32, firstBlock: UInt32)]

    init(sequence: UInt64, first: [SnapshotEntry], requests: [(numbers: HeldRequest, hashes: [SequenceHash])]) {
        self.sequence = sequence
        self.first = first
        self.requests = requests
        var parts: [(request: UInt32, firstBlock: UInt32)] = []
        parts.reserveCapacity(requests.count)
        for (index, request) in requests.enumerated() {
            for block in stride(from: 0, to: max(1, request.hashes.count), by: Limits.snapshotHashes) {
                parts.append((UInt32(index), UInt32(block)))
            }
        }
        self.parts = parts
    }

    private var count: Int { first.count + parts.count }

    /// The entries from `place` on that fit a page. The key of section 0 is an entry's place.
    func page(from place: UInt64) -> (entries: [SnapshotEntry], through: UInt64, next: UInt64?) {
        var entries: [SnapshotEntry] = [], writer = WireWriter()
        var index = Int(clamping: min(place, UInt64(count)))
        while index < count, entries.count < Limits.snapshotEntries {
            var entry = self.entry(index)
            writer.bytes.append(contentsOf: Self.head)
            do throws(WireError) { try writer.append(&entry) } catch {
                preconditionFailure("an entry of our own does not encode: \(error)")
            }
            guard writer.bytes.count <= WorkerLimits.snapshotPageBytes || entries.isEmpty else { break }
            entries.append(entry)
            index += 1
        }
        return index < count ? (entries, UInt64(index) - 1, UInt64(index)) : (entries, .max, nil)
    }

    private func entry(_ index: Int) -> SnapshotEntry {
        guard index >= first.count else { return first[index] }
        let part = parts[index - first.count], request = requests[Int(part.request)]
        var held = request.numbers
        held.firstBlock = part.firstBlock
        held.hashes = request.hashes[Int(part.firstBlock)...].prefix(Limits.snapshotHashes).map(\.rawValue)
        return .heldRequest(held)
    }

    /// Stands for the tag and the length before an entry.
    private static let head = [UInt8](repeating: 0, count: 5)
}

extension HeldRequest {
    /// Without its hashes.
    @LoopActor
    init(_ request: OpenRequest) {
        self.init()
        lease = request.lease
        self.request = request.request
        routerID = request.routerID
        rank = UInt32(request.rank)
        leg = request.leg
        started = request.startedAt != nil
        promptTokens = request.promptTokens
        prefillTokens = request.remainingTokens
        maxTokens = request.maxTokens
        expectedOutputTokens = request.expectedOutputTokens
        outputBlocks = request.outputBlocks
        outputTokens = request.outputTokens
    }
}
