import ClusterModel
import Scheduling
import Testing

@Suite("Selection")
struct SelectionTests {
    static let selector = PlacementSelector(.roundRobin)
    /// Roles, abilities and adapters as a mixed pool has them.
    static let pool = [
        candidate(1), candidate(2, 0, .prefill), candidate(3, 0, .decode), candidate(4, 0, capabilities: 0b110),
        candidate(5, 0, loRAs: ["poet"]), candidate(6, ready: false), candidate(7, 0, waiting: 900), candidate(7, 1, waiting: 100),
        candidate(8, sequences: 2), candidate(9, sequences: 4),
    ]

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let query: RouteQuery
        let expected: Result<Placement, PlacementFailure>
        var testDescription: String { name }

        init(_ name: String, _ expected: Result<Placement, PlacementFailure>, _ change: (inout RouteQuery) -> Void = { _ in }) {
            self.name = name
            self.expected = expected
            query = sample(change)
        }
    }

    /// What a query wants, and where it goes: the first of those who never had a turn.
    static let golden = [
        Row("nothing special", .success(place(1))),
        Row("the whole, said so", .success(place(1))) { $0.wish = .aggregated },
        Row("a prefill leg goes to a prefill worker", .success(place(2))) { $0.wish = .prefill },
        Row("a decode leg goes to who decodes", .success(place(1))) { $0.wish = .decode },
        Row("a decode worker takes whole requests", .success(place(3))) { $0.allowed = WorkerList([3]) },
        Row("a prefill worker does not", .failure(.noWorker)) { $0.allowed = WorkerList([2]) },
        Row("abilities", .success(place(4))) { $0.needs = 0b100 },
        Row("abilities that nobody has all of", .failure(.noWorker)) { $0.needs = 0b1110 },
        Row("an adapter", .success(place(5))) { $0.loRA = "poet" },
        Row("an adapter that nobody has loaded", .failure(.noWorker)) { $0.loRA = "critic" },
        Row("more choices than most engines run at once", .success(place(9))) {
            $0.choices = 3
            $0.allowed = WorkerList([8, 9])
        },
        Row("as many as one runs", .success(place(8))) {
            $0.choices = 2
            $0.allowed = WorkerList([8, 9])
        },
        Row("more than any", .failure(.noWorker)) {
            $0.choices = 5
            $0.allowed = WorkerList([8, 9])
        },
        Row("more than the pinned one", .failure(.pinConflict(WorkerID(8)))) {
            $0.choices = 3
            $0.pins = [pin(8)]
        },
        Row("excluded", .success(place(3))) { $0.excluded = WorkerList([1]) },
        Row("unreachable", .success(place(3))) { $0.unreachable = WorkerList([1]) },
        Row("excluded, unreachable and allowed together", .success(place(4))) {
            $0.allowed = WorkerList([5, 4, 3, 1])
            $0.excluded = WorkerList([3])
            $0.unreachable = WorkerList([1])
        },
        Row("allowed ones that are not there", .failure(.noWorker)) { $0.allowed = WorkerList([99]) },
        Row("not ready", .failure(.noWorker)) { $0.allowed = WorkerList([6]) },
        Row("preferred", .success(place(4))) { $0.preferred = PlacementTarget(worker: WorkerID(4), rank: nil) },
        Row("preferred without a rank is its least loaded one", .success(place(7, 1))) {
            $0.preferred = PlacementTarget(worker: WorkerID(7), rank: nil)
        },
        Row("preferred and not ready is passed over", .success(place(1))) {
            $0.preferred = PlacementTarget(worker: WorkerID(6), rank: nil)
        },
        Row("preferred and unknown is passed over", .success(place(1))) {
            $0.preferred = PlacementTarget(worker: WorkerID(99), rank: nil)
        },
        Row("pinned to a worker", .success(place(4))) { $0.pins = [pin(4)] },
        Row("pinned to a worker of several ranks", .success(place(7, 1))) { $0.pins = [pin(7)] },
        Row("pinned to a rank, however loaded", .success(place(7, 0))) { $0.pins = [pin(7, 0)] },
        Row("pinned to an unknown worker", .failure(.unknownWorker(WorkerID(99)))) { $0.pins = [pin(99)] },
        Row("pinned to an unknown rank", .failure(.unknownWorker(WorkerID(7)))) { $0.pins = [pin(7, 2)] },
        Row("pinned to one that is not ready", .failure(.noWorker)) { $0.pins = [pin(6)] },
        Row("pinned and excluded", .failure(.noWorker)) {
            $0.pins = [pin(4)]
            $0.excluded = WorkerList([4])
        },
        Row("pinned outside the allowed", .failure(.pinConflict(WorkerID(4)))) {
            $0.pins = [pin(4)]
            $0.allowed = WorkerList([1, 2])
        },
        Row("pinned to a worker of another role", .failure(.pinConflict(WorkerID(2)))) { $0.pins = [pin(2)] },
        Row("a whole request goes where its decode is pinned", .success(place(3))) { $0.pins = [pin(3, nil, .decode)] },
        Row("a whole request cannot be prefilled elsewhere", .failure(.pinConflict(WorkerID(2)))) {
            $0.pins = [pin(2, nil, .prefill)]
        },
        Row("nor be in two places", .failure(.pinConflict(WorkerID(2)))) {
            $0.pins = [pin(3, nil, .decode), pin(2, nil, .prefill)]
        },
        Row("a decode leg heeds its own pin of two", .success(place(3))) {
            $0.wish = .decode
            $0.pins = [pin(2, nil, .prefill), pin(3, nil, .decode)]
        },
        Row("but every pin must name somebody", .failure(.unknownWorker(WorkerID(98)))) {
            $0.wish = .decode
            $0.pins = [pin(98, nil, .prefill), pin(3, nil, .decode)]
        },
        Row("a pin is stronger than a preference", .success(place(4))) {
            $0.pins = [pin(4)]
            $0.preferred = PlacementTarget(worker: WorkerID(1), rank: nil)
        },
    ]

    @Test("a decision is what the table says", arguments: golden)
    func decisions(_ row: Row) { #expect(Self.selector.place(row.query, Self.pool) == row.expected) }

    @Test("a preferred placement is passed over when it is busy")
    func busyPreference() {
        let wish = query { $0.preferred = PlacementTarget(worker: WorkerID(2), rank: nil) }
        #expect(Self.selector.place(wish, [candidate(1), candidate(2, waiting: 1_000)]) == .success(place(2)))
        #expect(Self.selector.place(wish, [candidate(1), candidate(2, waiting: 1_001)]) == .success(place(1)))
        var full = candidate(2)
        full.load.activeBlocks = 950
        #expect(Self.selector.place(wish, [candidate(1), full]) == .success(place(1)))
    }

    @Test("nobody is eligible in an empty pool, and a pin names nobody there")
    func empty() {
        #expect(Self.selector.place(query(), []) == .failure(.noWorker))
        #expect(Self.selector.place(query { $0.pins = [pin(1)] }, []) == .failure(.unknownWorker(WorkerID(1))))
    }

    @Test("least loaded is by waiting tokens with what is booked, then by requests, then by rank")
    func leastLoaded() {
        let wish = query { $0.pins = [pin(1)] }
        var ranks = [candidate(1, 0, waiting: 10), candidate(1, 1, waiting: 10), candidate(1, 2, waiting: 10)]
        #expect(Self.selector.place(wish, ranks) == .success(place(1, 0)))
        ranks[0].load.bookedTokens = 1
        #expect(Self.selector.place(wish, ranks) == .success(place(1, 1)))
        ranks[1].load.bookedRequests = 1
        #expect(Self.selector.place(wish, ranks) == .success(place(1, 2)))
    }

    @Test("a list of workers knows its members, whatever their order and number", arguments: [0, 1, 2, 3, 100, 4_096])
    func lists(_ count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        let ids = (0..<count).map { _ in random.next() % 10_000 * 2 }
        let list = WorkerList(ids)
        #expect(ids.allSatisfy { list.contains(WorkerID($0)) })
        #expect(!ids.contains { list.contains(WorkerID($0 + 1)) })
        #expect(list.isEmpty == (count == 0))
    }
}

/// The row's own `query` hides the function of that name.
private func sample(_ change: (inout RouteQuery) -> Void) -> RouteQuery { query(change) }
