import ClusterModel
import Scheduling
import Testing

@Suite("Where sessions are about to be bound, and which were lost")
struct TentativePlacesTests {
    private let session = Sessions.session("s")
    private func there(_ worker: UInt64) -> TentativePlaces.Place { .init(life: Sessions.life(worker), rank: Rank(0)) }
    private func at(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    @Test("the first request decides where the others go, for as long as a lease waits to be accepted")
    func first() {
        var places = TentativePlaces()
        places.opens(session, at: there(1), lease: 10, at: at(0))
        places.opens(session, at: there(2), lease: 11, at: at(1))
        #expect(places.place(of: session, at: at(1)) == there(1))
        #expect(places.place(of: session, at: .zero + .milliseconds(4_999)) == there(1))
        #expect(places.place(of: session, at: at(5)) == nil)
        #expect(places.place(of: Sessions.session("other"), at: at(1)) == nil)
    }

    @Test("an opening that failed leaves nothing: the place is free with the last lease that may still open it")
    func failed() {
        var places = TentativePlaces()
        places.opens(session, at: there(1), lease: 10, at: at(0))
        places.opens(session, at: there(1), lease: 11, at: at(0))
        places.ended(10)
        #expect(places.place(of: session, at: at(1)) == there(1))
        places.ended(99)
        places.ended(11)
        #expect(places.place(of: session, at: at(1)) == nil && places.count == 0)
        places.opens(session, at: there(2), lease: 12, at: at(1))
        #expect(places.place(of: session, at: at(2)) == there(2))
    }

    @Test("once the worker has spoken nothing of it is left")
    func settled() {
        var places = TentativePlaces()
        places.opens(session, at: there(1), lease: 10, at: at(0))
        places.settle(session)
        #expect(places.count == 0 && places.place(of: session, at: at(0)) == nil)
        places.ended(10)
        places.opens(session, at: there(2), lease: 13, at: at(3))
        // The end of the first one's time is not the second one's.
        places.expire(at: at(6))
        #expect(places.place(of: session, at: at(7)) == there(2))
        places.expire(at: at(8))
        #expect(places.count == 0)
    }

    @Test("their number is bounded, and what has passed makes room")
    func bounds() {
        var limits = SessionLimits()
        limits.tentative = 4
        var places = TentativePlaces(limits: limits)
        for index in 0..<10 as Range<UInt64> { places.opens(Sessions.session("s\(index)"), at: there(1), lease: index, at: at(0)) }
        #expect(places.count == 4 && places.place(of: Sessions.session("s9"), at: at(0)) == nil)
        places.opens(Sessions.session("late"), at: there(1), lease: 50, at: at(5))
        #expect(places.count == 1 && places.place(of: Sessions.session("late"), at: at(6)) == there(1))
        for index in 100..<5_000 as Range<UInt64> {
            places.opens(Sessions.session("t"), at: there(1), lease: index, at: at(6))
            places.settle(Sessions.session("t"))
        }
        #expect(places.count == 1)
    }

    @Test("a loss is told until the session is placed anew, or would have ended by itself")
    func losses() {
        var limits = SessionLimits()
        limits.lost = 3
        var lost = LostSessions(limits: limits)
        func binding(_ name: String, ttl: UInt32) -> SessionBinding {
            SessionBinding(Sessions.session(name), on: Sessions.life(1), rank: Rank(0), counter: 1, ttlSeconds: ttl)
        }
        lost.insert(binding("a", ttl: 60), at: at(0))
        lost.insert(binding("b", ttl: .max), at: at(0))
        #expect(lost.contains(Sessions.session("a"), at: at(59)) && !lost.contains(Sessions.session("a"), at: at(60)))
        #expect(lost.contains(Sessions.session("b"), at: at(3_599)) && !lost.contains(Sessions.session("b"), at: at(3_600)))
        lost.expire(at: at(61))
        #expect(lost.count == 1)
        lost.remove(Sessions.session("b"))
        #expect(lost.count == 0 && !lost.contains(Sessions.session("b"), at: at(62)))
        for index in 0..<10 { lost.insert(binding("s\(index)", ttl: 600), at: at(70)) }
        #expect(lost.count == 3 && lost.contains(Sessions.session("s9"), at: at(71)) && !lost.contains(Sessions.session("s6"), at: at(71)))
    }
}
