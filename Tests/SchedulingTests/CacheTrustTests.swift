import ClusterModel
import Scheduling
import Testing

/// Trust that expectations can change.
private final class Trust {
    private var trust = CacheTrust()

    var isTrusted: Bool { trust.isTrusted }
    var doubt: CacheTrust.Doubt? { trust.doubt }
    var until: Instant { trust.until }

    func found(_ found: UInt32, promised: UInt32, at now: Instant) -> CacheTrust.Change? { trust.found(found, promised: promised, at: now) }
    func prefilled(at now: Instant) -> CacheTrust.Change? { trust.prefilled(at: now) }
    func stored() -> CacheTrust.Change? { trust.stored() }
    func readAnew(at now: Instant) -> CacheTrust.Change? { trust.readAnew(at: now) }
}

@Suite("Trust in cache events")
struct CacheTrustTests {
    private static func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("T20: an emptied cache shows within five requests, whatever was found before", arguments: [0, 1, 3, 1_000])
    func emptied(before: Int) {
        let trust = Trust()
        for _ in 0..<before { #expect(trust.found(10, promised: 10, at: .zero) == nil) }
        var requests = 0
        while trust.isTrusted, requests < 20 {
            requests += 1
            _ = trust.found(0, promised: 10, at: .zero)
        }
        #expect((1...5).contains(requests) && trust.doubt == .missing)
    }

    @Test("what an eviction takes on the way, the last block of a prompt, and promises of next to nothing are no doubt")
    func honest() {
        let trust = Trust()
        for _ in 0..<1_000 {
            #expect(trust.found(9, promised: 10, at: .zero) == nil)
            #expect(trust.found(6, promised: 10, at: .zero) == nil)
            #expect(trust.found(0, promised: 1, at: .zero) == nil)
            #expect(trust.found(1, promised: 2, at: .zero) == nil)
            #expect(trust.found(20, promised: 10, at: .zero) == nil)
        }
        // Every fourth prompt gone is one that is short of blocks, not one that lies.
        for number in 0..<1_000 { #expect(trust.found(number % 4 == 0 ? 0 : 10, promised: 10, at: .zero) == nil) }
    }

    @Test(
        "one that was doubted is read anew at once the first time, then after pauses that double up to ten minutes, and forgiven after 64 good ones"
    )
    func pauses() {
        let trust = Trust()
        var waits: [Int64] = []
        func doubt(at now: Instant) {
            while trust.isTrusted { _ = trust.found(0, promised: 10, at: now) }
            waits.append(now.duration(to: trust.until).inMilliseconds / 1_000)
            #expect(trust.found(0, promised: 10, at: now) == nil, "nothing more is judged meanwhile")
            if trust.until > now { #expect(trust.readAnew(at: now) == nil) }
            #expect(trust.readAnew(at: trust.until) == .restored(after: .missing) && trust.isTrusted)
        }
        for round in 0..<8 { doubt(at: Self.at(Int64(round) * 1_000)) }
        #expect(waits == [0, 30, 60, 120, 240, 480, 600, 600])
        for _ in 0..<64 { _ = trust.found(10, promised: 10, at: Self.at(9_000)) }
        doubt(at: Self.at(9_000))
        #expect(waits.last == 0)
    }

    @Test("L8: sixteen prefills in ten seconds without a stored block are silence; fewer, faster, or with one in between are not")
    func silence() {
        func doubted(prefills: Int, every milliseconds: Int64, storing: Int? = nil) -> Bool {
            let trust = Trust()
            for number in 0..<prefills {
                if number == storing { _ = trust.stored() }
                _ = trust.prefilled(at: .zero + .milliseconds(milliseconds * Int64(number)))
            }
            return trust.doubt == .silent
        }
        #expect(doubted(prefills: 16, every: 1_000) && doubted(prefills: 200, every: 60))
        #expect(!doubted(prefills: 15, every: 1_000) && !doubted(prefills: 100, every: 60))
        #expect(!doubted(prefills: 30, every: 1_000, storing: 15))
        let trust = Trust()
        for number in 0..<16 { _ = trust.prefilled(at: Self.at(Int64(number))) }
        #expect(trust.readAnew(at: Self.at(20)) == nil, "a snapshot is no event")
        #expect(trust.stored() == .restored(after: .silent) && trust.isTrusted && trust.stored() == nil)
    }
}
