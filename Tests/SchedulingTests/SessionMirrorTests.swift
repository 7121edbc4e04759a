import ClusterModel
import Scheduling
import Testing

/// What tests call the parts of a binding.
enum Sessions {
    static let pool = SHA256.digest(of: [1]), otherPool = SHA256.digest(of: [2])

    static func id(_ name: String, tenant: String = "") -> SessionID { SessionID(tenant: tenant, name: name) }
    static func life(_ worker: UInt64, _ generation: UInt64 = 1) -> WorkerLife {
        WorkerLife(worker: WorkerID(worker), generation: Generation(generation))
    }
    static func session(_ name: String, tenant: String = "", in pool: Digest = pool) -> PooledSession {
        PooledSession(id(name, tenant: tenant), in: pool)
    }
}

/// A mirror that expectations can change, with all that changed in it.
private final class Mirror {
    private(set) var mirror: SessionMirror
    private var changes: [SessionChange] = []

    init(_ change: (inout SessionLimits) -> Void = { _ in }) {
        var limits = SessionLimits()
        change(&limits)
        mirror = SessionMirror(limits: limits)
    }

    /// What changed since it was last asked for.
    func taken() -> [SessionChange] {
        defer { changes = [] }
        return changes
    }

    @discardableResult
    func bind(
        _ name: String, on worker: UInt64, counter: UInt64, generation: UInt64 = 1, tenant: String = "", pool: Digest = Sessions.pool,
        rank: UInt32 = 0, ttl: UInt32 = 300, held: UInt32 = 0
    ) -> SessionMirror.Verdict {
        mirror.bound(
            Sessions.id(name, tenant: tenant), on: Sessions.life(worker, generation), in: pool, rank: Rank(rank), counter: counter,
            ttlSeconds: ttl, heldBlocks: held, &changes)
    }

    func unbind(_ name: String, on worker: UInt64, counter: UInt64, generation: UInt64 = 1, _ end: SessionEnd = .closed) {
        mirror.unbound(Sessions.id(name), on: Sessions.life(worker, generation), counter: counter, end, &changes)
    }

    func retain(_ names: [String], on worker: UInt64) {
        mirror.retain(Set(names.map { Sessions.id($0) }), on: Sessions.life(worker), &changes)
    }
    func drop(_ worker: UInt64, generation: UInt64 = 1) { mirror.drop(Sessions.life(worker, generation), &changes) }

    func worker(of name: String, tenant: String = "", pool: Digest = Sessions.pool) -> UInt64? {
        mirror[Sessions.session(name, tenant: tenant, in: pool)]?.life.worker.rawValue
    }
}

extension SessionChange {
    /// In a word.
    fileprivate var text: String {
        switch self {
        case .placed(let binding): "placed \(binding.life.worker.rawValue)"
        case .gone(let binding, let end): "gone \(binding.life.worker.rawValue) \(end)"
        case .conflicts(let binding): "conflicts \(binding.life.worker.rawValue)"
        }
    }
}

@Suite("What a router knows of sessions")
struct SessionMirrorTests {
    @Test("a session is where its worker bound it, until the worker says otherwise")
    func binding() {
        let mirror = Mirror()
        #expect(mirror.worker(of: "s") == nil)
        #expect(mirror.bind("s", on: 7, counter: 1, rank: 2) == .applied)
        #expect(mirror.mirror[Sessions.session("s")]?.placement == place(7, 2))
        #expect(mirror.taken().map(\.text) == ["placed 7"])
        mirror.unbind("s", on: 7, counter: 1, .expired)
        #expect(mirror.worker(of: "s") == nil && mirror.mirror.count == 0 && mirror.mirror.bindings == 0)
        #expect(mirror.taken().map(\.text) == ["gone 7 expired"])
    }

    @Test("blocks that come and go are nobody else's news; another time to live is")
    func said() {
        let mirror = Mirror()
        mirror.bind("s", on: 7, counter: 1)
        _ = mirror.taken()
        mirror.bind("s", on: 7, counter: 1, held: 12)
        #expect(mirror.taken() == [] && mirror.mirror[Sessions.session("s")]?.heldBlocks == 12)
        mirror.bind("s", on: 7, counter: 1, ttl: 60, held: 12)
        #expect(mirror.taken().map(\.text) == ["placed 7"])
    }

    @Test("the end of an earlier binding does not end a later one, nor another worker's")
    func late() {
        let mirror = Mirror()
        mirror.bind("s", on: 7, counter: 5)
        mirror.unbind("s", on: 7, counter: 4)
        mirror.unbind("s", on: 8, counter: 5)
        mirror.unbind("s", on: 7, counter: 5, generation: 2)
        #expect(mirror.worker(of: "s") == 7)
    }

    @Test("tenants may use the same word, and so may the models of one client")
    func apart() {
        let mirror = Mirror()
        mirror.bind("s", on: 1, counter: 1)
        mirror.bind("s", on: 2, counter: 1, tenant: "other")
        mirror.bind("s", on: 3, counter: 1, pool: Sessions.otherPool)
        #expect(mirror.worker(of: "s") == 1 && mirror.worker(of: "s", tenant: "other") == 2)
        #expect(mirror.worker(of: "s", pool: Sessions.otherPool) == 3 && mirror.mirror.count == 3)
        #expect(mirror.taken().map(\.text) == ["placed 1", "placed 2", "placed 3"], "none of them overrules another")
    }

    // MARK: Conflicts

    @Test("of two bindings the smaller counter wins, whichever was heard first; the loser is named once", arguments: [false, true])
    func conflict(olderFirst: Bool) {
        let mirror = Mirror()
        if olderFirst { mirror.bind("s", on: 9, counter: 3) }
        mirror.bind("s", on: 1, counter: 4)
        if !olderFirst { mirror.bind("s", on: 9, counter: 3) }
        #expect(mirror.worker(of: "s") == 9)
        #expect(mirror.taken().map(\.text) == (olderFirst ? ["placed 9", "conflicts 1"] : ["placed 1", "placed 9", "conflicts 1"]))
        // It says so again, with other blocks, before it has heard of its defeat.
        mirror.bind("s", on: 1, counter: 4, held: 3)
        #expect(mirror.taken() == [])
        #expect(mirror.mirror.conflicts(of: Sessions.life(1)).map(\.counter) == [4] && mirror.mirror.conflicts(of: Sessions.life(9)) == [])
        mirror.unbind("s", on: 1, counter: 4, .conflict)
        #expect(mirror.taken() == [] && mirror.worker(of: "s") == 9 && mirror.mirror.bindings == 1)
    }

    @Test("equal counters: the smaller worker id wins")
    func equalCounters() {
        let mirror = Mirror()
        mirror.bind("s", on: 9, counter: 3)
        mirror.bind("s", on: 2, counter: 3)
        #expect(mirror.worker(of: "s") == 2 && mirror.taken().map(\.text) == ["placed 9", "placed 2", "conflicts 9"])
    }

    @Test("if the winner leaves before the loser has given up, the loser's binding is the session")
    func winnerLeaves() {
        let mirror = Mirror()
        mirror.bind("s", on: 1, counter: 1)
        mirror.bind("s", on: 2, counter: 2)
        _ = mirror.taken()
        mirror.drop(1)
        #expect(mirror.worker(of: "s") == 2 && mirror.taken().map(\.text) == ["placed 2"])
        mirror.drop(2)
        #expect(mirror.taken().map(\.text) == ["gone 2 workerLost"])
    }

    // MARK: Lives and snapshots

    @Test("with a life of a worker go its sessions, in the order in which they were bound, and no others")
    func lives() {
        let mirror = Mirror()
        for index in 1...20 as ClosedRange<UInt64> { mirror.bind("s\(index)", on: 1, counter: 21 - index) }
        mirror.bind("t", on: 1, counter: 1, generation: 2)
        _ = mirror.taken()
        mirror.drop(1)
        let gone = mirror.taken()
        #expect(gone.map(\.text) == Array(repeating: "gone 1 workerLost", count: 20))
        let counters = gone.compactMap { if case .gone(let binding, _) = $0 { binding.counter } else { nil } }
        #expect(counters == Array(1...20))
        #expect(mirror.worker(of: "t") == 1 && mirror.mirror.bindings == 1)
        mirror.drop(1)
        #expect(mirror.taken() == [])
    }

    @Test("what a snapshot does not name is no more, and is not taken for lost")
    func snapshot() {
        let mirror = Mirror()
        for (index, name) in ["a", "b", "c"].enumerated() { mirror.bind(name, on: 1, counter: UInt64(index + 1)) }
        _ = mirror.taken()
        mirror.bind("b", on: 1, counter: 7, rank: 1)
        mirror.bind("d", on: 1, counter: 8)
        mirror.retain(["b", "d"], on: 1)
        #expect(mirror.taken().map(\.text) == ["placed 1", "placed 1", "gone 1 unnamed", "gone 1 unnamed"])
        #expect(mirror.mirror.all.map(\.session.id.name) == ["b", "d"] && mirror.mirror.all.map(\.counter) == [7, 8])
        #expect(!SessionEnd.unnamed.isLoss && SessionEnd.workerLost.isLoss && SessionEnd.drained.isLoss && !SessionEnd.expired.isLoss)
    }

    // MARK: Bounds

    @Test("no worker can fill the mirror, and all of them together neither; what is known can still change")
    func bounds() {
        let mirror = Mirror { ($0.bindingsOfWorker, $0.bindings) = (3, 5) }
        for index in 1...4 as ClosedRange<UInt64> {
            #expect(mirror.bind("s\(index)", on: 1, counter: index) == (index <= 3 ? .applied : .full))
        }
        #expect(mirror.bind("s1", on: 1, counter: 9) == .applied)
        for index in 1...3 as ClosedRange<UInt64> {
            #expect(mirror.bind("t\(index)", on: 2, counter: index) == (index <= 2 ? .applied : .full))
        }
        #expect(mirror.mirror.bindings == 5)
        mirror.unbind("t3", on: 2, counter: 3)
        #expect(mirror.mirror.bindings == 5, "what was never kept leaves nothing")
        mirror.unbind("t1", on: 2, counter: 1)
        #expect(mirror.bind("t3", on: 2, counter: 3) == .applied && mirror.mirror.bindings == 5)
    }
}

/// The mirror against a list of all that workers have bound.
@Suite("Sessions against a naive twin")
struct SessionMirrorPropertyTests {
    private struct Twin {
        var bindings: [SessionBinding] = []

        mutating func bound(_ binding: SessionBinding) {
            bindings.removeAll { $0.life == binding.life && $0.session.id == binding.session.id }
            bindings.append(binding)
        }

        func winner(_ session: PooledSession) -> SessionBinding? {
            bindings.filter { $0.session == session }.min { ($0.counter, $0.life) < ($1.counter, $1.life) }
        }

        var sessions: Set<PooledSession> { Set(bindings.map(\.session)) }
    }

    @Test("after any words of workers both name the same winners, and what was told adds up to them", arguments: 0..<150)
    func operations(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed) &* 6_271 + 11)
        func some(_ limit: UInt64) -> UInt64 { random.next() % limit }
        var mirror = SessionMirror(), twin = Twin(), told: [PooledSession: SessionBinding] = [:], counters: [WorkerLife: UInt64] = [:]
        let lives = (0..<6 as Range<UInt64>).map { Sessions.life($0 / 2, $0) }
        // Workers 0 and 1 are of one pool, worker 2 of another.
        func pool(_ life: WorkerLife) -> Digest { life.worker.rawValue < 2 ? Sessions.pool : Sessions.otherPool }
        func binding() -> SessionBinding {
            let life = lives[Int(some(6))], session = PooledSession(Sessions.id("s\(some(8))"), in: pool(life))
            let known = twin.bindings.first { $0.life == life && $0.session == session }
            var counter = known?.counter ?? 0
            if known == nil || some(4) == 0 {
                counter = (counters[life] ?? some(4)) + 1
                counters[life] = counter
            }
            return SessionBinding(
                session, on: life, rank: Rank(UInt32(some(2))), counter: counter, ttlSeconds: UInt32(60 * (1 + some(2))),
                heldBlocks: UInt32(some(5)))
        }
        func say(_ binding: SessionBinding, _ changes: inout [SessionChange]) {
            let verdict = mirror.bound(
                binding.session.id, on: binding.life, in: binding.session.pool, rank: binding.rank, counter: binding.counter,
                ttlSeconds: binding.ttlSeconds, heldBlocks: binding.heldBlocks, &changes)
            #expect(verdict == .applied)
            twin.bound(binding)
        }
        for step in 0..<400 {
            var changes: [SessionChange] = []
            switch some(10) {
            case 0...4: say(binding(), &changes)
            case 5...7:
                let life = lives[Int(some(6))], id = Sessions.id("s\(some(8))")
                let known = twin.bindings.first { $0.life == life && $0.session.id == id }
                // Some ends are of bindings that were followed by another.
                let counter = some(4) == 0 ? some(10) : known?.counter ?? 1
                mirror.unbound(id, on: life, counter: counter, .closed, &changes)
                twin.bindings.removeAll { $0.life == life && $0.session.id == id && $0.counter == counter }
            case 8 where some(3) == 0:
                let life = lives[Int(some(6))]
                mirror.drop(life, &changes)
                twin.bindings.removeAll { $0.life == life }
            default:
                let life = lives[Int(some(6))], kept = Set((0..<some(5)).map { _ in Sessions.id("s\(some(8))") })
                mirror.retain(kept, on: life, &changes)
                twin.bindings.removeAll { $0.life == life && !kept.contains($0.session.id) }
            }
            for change in changes {
                switch change {
                case .placed(let binding): told[binding.session] = binding
                case .gone(let binding, _): told[binding.session] = nil
                case .conflicts(let binding):
                    guard let winner = mirror[binding.session], winner.wins(over: binding) else {
                        Issue.record("seed \(seed), step \(step): a winner was told to give up")
                        return
                    }
                }
            }
            let sessions = twin.sessions
            guard mirror.count == sessions.count, mirror.bindings == twin.bindings.count, told.count == sessions.count,
                sessions.allSatisfy({ mirror[$0] == twin.winner($0) }),
                sessions.allSatisfy({ told[$0]?.life == mirror[$0]?.life && told[$0]?.counter == mirror[$0]?.counter })
            else {
                Issue.record("seed \(seed), step \(step): mirror and twin differ")
                return
            }
            for life in lives {
                let losers = twin.bindings.filter { $0.life == life && twin.winner($0.session)?.life != life }
                guard Set(mirror.conflicts(of: life)) == Set(losers) else {
                    Issue.record("seed \(seed), step \(step): other bindings have lost")
                    return
                }
            }
        }
        var changes: [SessionChange] = []
        for life in lives { mirror.drop(life, &changes) }
        #expect(mirror.count == 0 && mirror.bindings == 0 && mirror.all == [])
    }
}
