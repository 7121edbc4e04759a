import Testing
import WireProtocol

@testable import LoadGeneration

@Suite("Sessions in a record")
struct RecordedSessionTests {
    typealias Leg = ScriptedCluster.Leg

    /// One request, of which the worker says as it ends what a session holds.
    private func run(
        _ cluster: inout ScriptedCluster, _ number: UInt64, decided: RecordedDecision.Session?, holds: (String, UInt64, UInt32)? = nil,
        opens: (String, UInt64)? = nil
    ) {
        let leg = Leg(lease: number, counter: number)
        cluster.made(leg)
        if let decided { cluster.decided(decided) } else { _ = cluster.assembler.takeQuestions() }
        if let opens { cluster.bound(opens.0, counter: opens.1) }
        cluster.accepted(leg)
        cluster.started(leg)
        if let holds { cluster.bound(holds.0, counter: holds.1, held: holds.2) }
        cluster.ended(leg)
        cluster.told(number)
        cluster.pass(.seconds(3))
    }

    @Test("where a rank has one session alone, what was sent there for its session is of it")
    func only() throws {
        var cluster = ScriptedCluster()
        cluster.bound("one", counter: 1)
        run(&cluster, 1, decided: .bound)
        run(&cluster, 2, decided: RecordedDecision.Session.none)
        cluster.bound("two", counter: 2)
        run(&cluster, 3, decided: .bound)
        cluster.tell(.sessionUnbound(SessionUnbound(key: SessionKey(tenant: "", id: "one"), bindCounter: 1, reason: .closed)), 0)
        run(&cluster, 4, decided: .bound)
        let record = try cluster.record()
        #expect(record.requests.map(\.session) == [0, nil, nil, 1])
        #expect(record.summary?.missed.unknownSessions == 1)
    }

    @Test("a session that holds a request's blocks as it ends is the request's, whoever else is there")
    func held() throws {
        var cluster = ScriptedCluster()
        for (number, name) in ["one", "two", "three"].enumerated() { cluster.bound(name, counter: UInt64(number + 1)) }
        // 48 and 5 tokens in blocks of 16.
        run(&cluster, 1, decided: .bound, holds: ("two", 2, 3))
        run(&cluster, 2, decided: nil, holds: ("three", 3, 3))
        run(&cluster, 3, decided: .bound, holds: ("two", 2, 2))
        run(&cluster, 4, decided: .spilled, holds: ("two", 2, 3))
        let record = try cluster.record()
        #expect(record.requests.map(\.session) == [0, 1, nil, nil])
        #expect(record.summary?.missed.unknownSessions == 2)
    }

    @Test("a request that opens a session is of it; one without a session is not of an older one that moved in the same step")
    func opens() throws {
        var cluster = ScriptedCluster()
        cluster.bound("old", counter: 1)
        cluster.pass(.seconds(1))
        run(&cluster, 1, decided: RecordedDecision.Session.none, holds: ("new", 2, 3), opens: ("new", 2))
        run(&cluster, 2, decided: RecordedDecision.Session.none, holds: ("old", 1, 3))
        run(&cluster, 3, decided: .lost, holds: ("moved", 3, 3), opens: ("moved", 3))
        let record = try cluster.record()
        #expect(record.requests.map(\.session) == [0, nil, 1])
        #expect(record.summary?.missed.unknownSessions == 0)
    }

    @Test("two sessions that say the same in one step are neither's")
    func doubt() throws {
        var cluster = ScriptedCluster()
        cluster.bound("one", counter: 1)
        cluster.bound("two", counter: 2)
        cluster.bound("one", counter: 1, held: 3)
        run(&cluster, 1, decided: .bound, holds: ("two", 2, 3))
        let record = try cluster.record()
        #expect(record.requests.map(\.session) == [nil])
    }
}
