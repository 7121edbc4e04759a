import ClusterModel
import Scheduling
import Testing

@Suite("Trust in a worker's cache events")
struct CacheTrustTests {
    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1_000_000_000)) }

    /// What follows from so many requests that all find this much of ten blocks.
    private static func found(_ found: UInt32, times: Int, _ trust: inout CacheTrust, at seconds: Double = 0) -> [CacheTrust.Change] {
        (0..<times).compactMap { _ in trust.found(found, promised: 10, at: at(seconds)) }
    }

    /// Loses it by requests that find nothing.
    private static func lose(_ trust: inout CacheTrust, at seconds: Double) -> Bool {
        found(0, times: 16, &trust, at: seconds) == [.doubted(.missing)]
    }

    // MARK: Missing

    @Test(
        "so many requests find less than half of what was promised, and it is doubted: not by one, and once",
        arguments: [(0, 4), (3, 4), (5, 4)] as [(UInt32, Int)])
    func missing(_ found: UInt32, _ needed: Int) {
        var trust = CacheTrust()
        let before = Self.found(found, times: needed - 1, &trust)
        #expect(before.isEmpty && trust.isTrusted)
        let told = Self.found(found, times: 1, &trust)
        #expect(told == [.doubted(.missing)] && trust.doubt == .missing)
        let later = Self.found(found, times: 100, &trust)
        #expect(later.isEmpty)
    }

    @Test(
        "what an eviction takes on the way is no lie: more than half is there, or all but the block that is computed anyway",
        arguments: [6, 9, 10, 12])
    func nearly(_ found: UInt32) {
        var trust = CacheTrust()
        let told = Self.found(found, times: 1_000, &trust)
        #expect(told.isEmpty && trust.isTrusted)
    }

    @Test("promises of less than two blocks say nothing: the last block of a prompt is computed even if it is there")
    func short() {
        var trust = CacheTrust()
        for promised in [0, 1] as [UInt32] {
            for _ in 0..<100 {
                let told = trust.found(0, promised: promised, at: .zero)
                #expect(told == nil)
            }
        }
    }

    @Test("T20: a cache that was emptied without a word shows within five requests, however good it was; one empty prompt in four does not")
    func emptied() {
        var trust = CacheTrust()
        let good = Self.found(10, times: 10_000, &trust)
        for _ in 0..<200 {
            let told = Self.found(0, times: 1, &trust) + Self.found(10, times: 3, &trust)
            #expect(told.isEmpty)
        }
        _ = Self.found(10, times: 20, &trust)
        let told = Self.found(0, times: 5, &trust)
        #expect(good.isEmpty && told == [.doubted(.missing)])
    }

    @Test("the first time it is read anew and believed at once; judged afresh, and not by what was before")
    func readAnew() {
        var trust = CacheTrust()
        #expect(Self.lose(&trust, at: 7))
        #expect(trust.until == Self.at(7))
        let restored = trust.readAnew(at: Self.at(7))
        #expect(restored == .restored(after: .missing) && trust.isTrusted)
        let again = trust.readAnew(at: Self.at(7))
        #expect(again == nil)
        let before = Self.found(0, times: 3, &trust)
        let told = Self.found(0, times: 1, &trust)
        #expect(before.isEmpty && told == [.doubted(.missing)])
    }

    @Test("lost again it is not believed for 30 seconds, then twice as long each time, and never longer than ten minutes")
    func pauses() {
        var trust = CacheTrust(), now = 0.0
        for pause in [0, 30, 60, 120, 240, 480, 600, 600, 600] as [Double] {
            #expect(Self.lose(&trust, at: now))
            #expect(trust.until == Self.at(now + pause))
            if pause > 0 {
                let early = trust.readAnew(at: Self.at(now + pause - 0.001))
                #expect(early == nil && !trust.isTrusted, "read anew on the way, for another reason")
            }
            now += pause
            let restored = trust.readAnew(at: Self.at(now))
            #expect(restored == .restored(after: .missing))
        }
    }

    @Test("64 good ones in a row, and what was before is forgotten; 63 and a bad one are not")
    func forgiving() {
        for (good, pause) in [(64, 0.0), (63, 30.0)] {
            var trust = CacheTrust()
            #expect(Self.lose(&trust, at: 0))
            _ = trust.readAnew(at: Self.at(0))
            _ = Self.found(10, times: good, &trust)
            #expect(Self.lose(&trust, at: 100))
            #expect(trust.until == Self.at(100 + pause))
        }
    }

    // MARK: Silent

    @Test("L8: it computes blocks and tells of none: sixteen prefills over ten seconds, both")
    func silent() {
        var trust = CacheTrust()
        var told = (0..<100).map { _ in trust.prefilled(at: Self.at(1)) }
        told.append(trust.prefilled(at: Self.at(10.9)))
        #expect(told.allSatisfy { $0 == nil } && trust.isTrusted, "a burst alone")
        let late = trust.prefilled(at: Self.at(11))
        #expect(late == .doubted(.silent) && trust.doubt == .silent)

        var slow = CacheTrust()
        told = (0..<15).map { slow.prefilled(at: Self.at(Double($0) * 100)) }
        #expect(told.allSatisfy { $0 == nil }, "a few alone")
        let sixteenth = slow.prefilled(at: Self.at(1_500))
        #expect(sixteenth == .doubted(.silent))
    }

    @Test("one word of a block begins the count anew, and makes a silent one believed again at once")
    func heard() {
        var trust = CacheTrust()
        for second in 0..<990 {
            let told = trust.prefilled(at: Self.at(Double(second)))
            let heard = second % 15 == 14 ? trust.stored() : nil
            #expect(told == nil && heard == nil)
        }
        for second in 990..<1_005 { _ = trust.prefilled(at: Self.at(Double(second))) }
        let doubted = trust.prefilled(at: Self.at(1_005))
        #expect(doubted == .doubted(.silent))
        let whole = trust.readAnew(at: Self.at(1_005)), more = trust.prefilled(at: Self.at(2_000))
        #expect(whole == nil && more == nil && trust.doubt == .silent, "an empty snapshot says no more than no event")
        let restored = trust.stored(), again = trust.stored()
        #expect(restored == .restored(after: .silent) && again == nil && trust.isTrusted)
    }

    @Test("who is doubted for what is missing is not trusted for telling of blocks, and is judged in no other way meanwhile")
    func apart() {
        var trust = CacheTrust()
        #expect(Self.lose(&trust, at: 0))
        let stored = trust.stored()
        let silent = (0..<100).compactMap { trust.prefilled(at: Self.at(Double($0))) }
        #expect(stored == nil && silent.isEmpty && trust.doubt == .missing)
    }
}
