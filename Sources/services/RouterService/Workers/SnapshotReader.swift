import ClusterModel
import EventLoop
import Scheduling
import Transport
import WireProtocol

/// Reads what a worker's stream has led to, over a recovery link of its own. Rules: `proto-spec/03-exchanges.md#snapshots`.
@LoopActor
struct SnapshotReader {
    /// Section 0: everything that has no hash, as it was after the event `sequence`.
    struct Snapshot: Sendable {
        var sequence: UInt64
        var requests: [HeldRequest] = []
        var loads: [RankLoad] = []
        var state: StateChanged?
    }

    enum Problem: Error, CustomStringConvertible {
        case noAddress
        case notReached(LinkEnd)
        case anotherProcess
        case noAnswer(LinkFailure)
        /// It answered against the rules; the text says how.
        case inconsistent(StaticString)

        var description: String {
            switch self {
            case .noAddress: "no address of it is known"
            case .notReached(let end): "not reached: \(end)"
            case .anotherProcess: "another process answers at its address"
            case .noAnswer(.ended): "the link ended"
            case .noAnswer(.timedOut): "no answer in time"
            case .noAnswer(.failed(let failure)): "it answers failure \(failure.code.rawValue)"
            case .noAnswer(.malformed(let error)): "its answer does not decode: \(error)"
            case .inconsistent(let how): "its pages do not fit together: \(how)"
            }
        }
    }

    private let core: RouterCore
    private let life: (id: UInt64, generation: UInt64)
    private let address: Address?

    init(_ core: RouterCore, _ record: WorkerRecord) {
        self.core = core
        life = (record.life.worker.rawValue, record.life.generation.rawValue)
        address = record.linkAddress
    }

    func read() async -> Result<Snapshot, Problem> {
        guard let address else { return .failure(.noAddress) }
        let link: Link
        switch await core.endpoint.dial(address, kind: .recovery) {
        case .failure(let end): return .failure(.notReached(end))
        case .success(let opened): link = opened
        }
        defer { link.goodbye(.done) }
        guard link.peer.role == .worker, link.peer.id == life.id, link.peer.generation == life.generation else {
            return .failure(.anotherProcess)
        }
        do throws(Problem) { return .success(try await pages(link)) } catch { return .failure(error) }
    }

    private func pages(_ link: Link) async throws(Problem) -> Snapshot {
        var question = SnapshotQuestion(stream: .workerEvents, publisher: life.id, generation: life.generation, cursor: SnapshotCursor())
        var snapshot: Snapshot?
        for _ in 0..<RouterLimits.snapshotPages {
            let page: SnapshotPage
            do throws(LinkFailure) {
                page = try await link.ask(question, answeredBy: SnapshotPage.self, within: RouterLimits.snapshotAnswer)
            } catch { throw .noAnswer(error) }
            guard page.generation == life.generation else { throw .inconsistent("another generation") }
            guard page.section == 0 else { throw .inconsistent("another section") }
            guard page.sequence < .max else { throw .inconsistent("a number past every stream") }
            var joined = snapshot ?? Snapshot(sequence: page.sequence)
            guard joined.sequence == page.sequence else { throw .inconsistent("read at several moments") }
            for entry in page.entries { Self.add(entry, to: &joined) }
            snapshot = joined
            // Blocks are in the sections that follow, and nothing here holds blocks.
            guard let next = page.next, next.section == 0 else { return joined }
            guard next.fromHash > question.cursor.fromHash else { throw .inconsistent("a next page that does not ascend") }
            guard joined.requests.count <= core.ledger.table.limits.leases else { throw .inconsistent("more requests than anybody has") }
            question.cursor = next
        }
        throw .inconsistent("pages without an end")
    }

    private static func add(_ entry: SnapshotEntry, to snapshot: inout Snapshot) {
        switch entry {
        case .heldRequest(var request):
            // Of a long prompt's entries the first says all that is wanted.
            guard request.firstBlock == 0 else { return }
            request.hashes = []
            snapshot.requests.append(request)
        case .rankLoad(let load): snapshot.loads.append(load)
        case .stateChanged(let state): snapshot.state = state
        default: break
        }
    }
}
