import ClusterModel
import Scheduling
import Testing

@Suite("Pool chooser")
struct PoolChooserTests {
    static let small = SHA256.digest(of: [2]) < SHA256.digest(of: [1]) ? SHA256.digest(of: [2]) : SHA256.digest(of: [1])
    static let large = SHA256.digest(of: [2]) < SHA256.digest(of: [1]) ? SHA256.digest(of: [1]) : SHA256.digest(of: [2])

    /// One that expectations can change.
    final class Chooser {
        private var chooser = PoolChooser()

        @discardableResult
        func choose(for model: String, among pools: [PoolChooser.Pool]) -> Digest? { chooser.choose(for: model, among: pools) }
        func current(for model: String) -> Digest? { chooser.current(for: model) }
    }

    static func pools(_ small: Int, _ large: Int) -> [PoolChooser.Pool] {
        [.init(digest: Self.large, readyWorkers: large), .init(digest: Self.small, readyWorkers: small)]
    }

    @Test("most ready workers, then the smallest digest")
    func first() {
        let chooser = Chooser()
        #expect(chooser.choose(for: "a", among: Self.pools(2, 3)) == Self.large)
        #expect(chooser.choose(for: "b", among: Self.pools(3, 3)) == Self.small)
        #expect(chooser.choose(for: "c", among: Self.pools(0, 0)) == Self.small)
        #expect(chooser.choose(for: "d", among: []) == nil)
    }

    @Test("the chosen one stays until another is larger by one")
    func sticky() {
        let chooser = Chooser()
        #expect(chooser.choose(for: "m", among: Self.pools(1, 2)) == Self.large)
        #expect(chooser.choose(for: "m", among: Self.pools(2, 2)) == Self.large)
        #expect(chooser.choose(for: "m", among: Self.pools(3, 2)) == Self.small)
        #expect(chooser.choose(for: "m", among: Self.pools(3, 3)) == Self.small)
        #expect(chooser.choose(for: "m", among: Self.pools(3, 4)) == Self.large)
    }

    @Test("a pool that is gone is not remembered, and names do not disturb each other")
    func gone() {
        let chooser = Chooser()
        chooser.choose(for: "m", among: Self.pools(1, 2))
        chooser.choose(for: "n", among: Self.pools(2, 1))
        #expect(chooser.choose(for: "m", among: [.init(digest: Self.small, readyWorkers: 0)]) == Self.small)
        #expect(chooser.choose(for: "m", among: Self.pools(1, 1)) == Self.small)
        chooser.choose(for: "m", among: [])
        #expect(chooser.current(for: "m") == nil)
        #expect(chooser.current(for: "n") == Self.small)
    }

    @Test("the order of the pools says nothing", arguments: 0..<20)
    func orderless(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let chooser = Chooser(), other = Chooser()
        for _ in 0..<50 {
            let pools = (0..<5).map { PoolChooser.Pool(digest: SHA256.digest(of: [UInt8($0)]), readyWorkers: Int(random.next() % 4)) }
            let shuffled = pools.shuffled(using: &random)
            #expect(chooser.choose(for: "m", among: pools) == other.choose(for: "m", among: shuffled), "seed \(seed)")
        }
    }
}
