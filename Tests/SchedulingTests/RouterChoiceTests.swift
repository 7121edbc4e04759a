import ClusterModel
import Testing

@testable import Scheduling

@Suite("Which router is asked")
struct RouterChoiceTests {
    private static func options(_ count: Int, open: Int = 0) -> [RouterChoice.Option] {
        (1...count).map { RouterChoice.Option(router: RouterID(UInt64($0)), openPlans: open) }
    }

    private static func keys(_ count: Int, seed: UInt64 = 1) -> [UInt64] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in random.next() }
    }

    /// Small numbers in a row, as keys and as ids: the worst that a weak mix could be given.
    @Test("keys spread over the routers evenly, random ones and ones that count up", arguments: [2, 3, 4, 7, 16], [false, true])
    func spread(routers: Int, countUp: Bool) {
        let options = Self.options(routers, open: 1_000), count = 20_000
        let keys = countUp ? (0..<count).map { UInt64($0) } : Self.keys(count)
        var shares = [Int](repeating: 0, count: routers)
        for key in keys { shares[RouterChoice.choose(key, among: options) ?? 0] += 1 }
        let mean = Double(count) / Double(routers)
        for share in shares { #expect(abs(Double(share) - mean) < 5 * mean.squareRoot(), "\(shares)") }
    }

    @Test("when a router leaves only its keys move, and each to its next; when it is back they come back", arguments: [2, 3, 5])
    func stability(routers: Int) {
        let all = Self.options(routers, open: 1_000), gone = RouterID(2), left = all.filter { $0.router != gone }
        var moved = 0
        for key in Self.keys(4_000) {
            let before = all[RouterChoice.choose(key, among: all) ?? 0].router
            let after = left[RouterChoice.choose(key, among: left) ?? 0].router
            guard before == gone else {
                #expect(after == before)
                continue
            }
            moved += 1
            #expect(after == RouterChoice.order(key, of: all.map(\.router))[1])
        }
        #expect(moved > 4_000 / routers / 2, "it had keys")
    }

    @Test("every frontend finds the same router, in whatever order it knows them")
    func order() {
        let options = Self.options(5), other = Array(options.reversed())
        for key in Self.keys(1_000) {
            let one = RouterChoice.choose(key, among: options).map { options[$0].router }
            #expect(one == RouterChoice.choose(key, among: other).map { other[$0].router })
        }
    }

    @Test("no router has more than five quarters of the mean of what is open, though all keys be one", arguments: [2, 3, 4, 8, 16])
    func bound(routers: Int) {
        var open = [Int](repeating: 0, count: routers)
        for total in 1...500 {
            let options = open.enumerated().map { RouterChoice.Option(router: RouterID(UInt64($0.offset)), openPlans: $0.element) }
            guard let chosen = RouterChoice.choose(42, among: options) else {
                Issue.record("some router is always below the bound")
                return
            }
            open[chosen] += 1
            let most = (5 * total + 4 * routers - 1) / (4 * routers)
            #expect(open.allSatisfy { $0 <= most }, "\(open) with \(total) open")
        }
        #expect(open.max() ?? 0 > 500 / routers, "and the first choice has more than the others")
    }

    @Test("an idle cluster asks the first choice, and one that is full of its own share asks the next")
    func firstChoice() {
        let order = RouterChoice.order(7, of: [RouterID(1), RouterID(2), RouterID(3)])
        var options = Self.options(3)
        #expect(RouterChoice.choose(7, among: options).map { options[$0].router } == order[0])
        options = options.map { RouterChoice.Option(router: $0.router, openPlans: $0.router == order[0] ? 9 : 1) }
        #expect(RouterChoice.choose(7, among: options).map { options[$0].router } == order[1])
        #expect(RouterChoice.choose(7, among: []) == nil)
        #expect(RouterChoice.choose(7, among: [RouterChoice.Option(router: RouterID(1), openPlans: 4_000)]) == 0, "there is no other")
    }

    @Test("a session decides before the prefix, the prefix before the request alone")
    func keyOrder() {
        let request = RequestID(origin: 1, counter: 1), next = RequestID(origin: 1, counter: 2), hashes: [UInt64] = [10, 20, 30]
        func key(_ session: (tenant: String, id: String)?, _ hashes: [UInt64], _ request: RequestID) -> UInt64 {
            RouterChoice.key(session: session, sequenceHashes: hashes, blockSize: 64, otherwise: request)
        }
        #expect(key(("", "a"), hashes, request) == key(("", "a"), [1], next))
        #expect(key(("", "a"), hashes, request) != key(("", "b"), hashes, request))
        #expect(key(("a", "b"), [], request) != key(("ab", ""), [], request), "where one text ends and the next begins counts")
        #expect(key(nil, hashes, request) == 30)
        #expect(key(nil, hashes, request) == key(nil, hashes, next))
        #expect(key(nil, [], request) != key(nil, [], next))
        #expect(key(nil, [], request) == key(nil, [], request), "in each attempt the same")
    }

    @Test(
        "of a long prompt the block that ends at 2,048 tokens counts, of a short one its last full block",
        arguments: [16, 64, 2_048, 4_096])
    func prefix(blockSize: UInt32) {
        let place = max(Int(2_048 / blockSize), 1), hashes = (1...300).map { UInt64($0) }
        #expect(RouterChoice.prefixHash(hashes, blockSize: blockSize) == UInt64(place))
        #expect(RouterChoice.prefixHash(hashes, blockSize: blockSize) == RouterChoice.prefixHash(hashes + [9, 9], blockSize: blockSize))
        #expect(RouterChoice.prefixHash([5, 6], blockSize: blockSize) == (place == 1 ? 5 : 6))
        #expect(RouterChoice.prefixHash([], blockSize: blockSize) == nil)
        #expect(RouterChoice.prefixHash(hashes, blockSize: 0) == nil)
    }
}
