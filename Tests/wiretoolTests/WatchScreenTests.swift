import ClusterFollowing
import ClusterModel
import Testing
import WireProtocol

@testable import wiretool

@Suite("The table of a cluster on a screen")
struct WatchScreenTests {
    private static func lines(_ ranks: Int, _ queues: Int, _ requests: Int, rows: Int, columns: Int = 400) -> [String] {
        WatchScreen(size: WatchScreen.Size(columns: columns, rows: rows)).lines(
            "head", ranks: (0..<ranks).map { "rank \($0)" }, queues: (0..<queues).map { "queue \($0)" },
            requests: (0..<requests).map { "done \($0)" })
    }

    @Test("what fits is shown whole")
    func whole() {
        let lines = Self.lines(2, 1, 3, rows: 14)
        #expect(lines.count == 13 && lines[0] == "head" && lines[2] == WatchText.loadHead)
        #expect(lines.filter { $0.hasPrefix("rank") || $0.hasPrefix("queue 0") || $0.hasPrefix("done") }.count == 6)
    }

    @Test("more than fits is cut, each part to its share, and it is said how much more there is; the newest requests stay")
    func cut() {
        let lines = Self.lines(100, 2, 20, rows: 24)
        #expect(lines.count == 23)
        #expect(lines[3...].prefix(7) == ["rank 0", "rank 1", "rank 2", "rank 3", "rank 4", "rank 5", "... 94 more"])
        #expect(lines.contains("queue 1") && lines.contains("done 13") && lines.last == "done 19" && !lines.contains("done 12"))
        #expect(lines.contains { $0.hasPrefix("request ") })
    }

    @Test("no screen is too small, and none is scrolled or wrapped", arguments: [0, 1, 2, 5, 7, 8, 9, 10, 11, 60], [0, 1, 9, 80])
    func small(rows: Int, columns: Int) {
        let lines = Self.lines(9, 9, 9, rows: rows, columns: columns)
        #expect(lines.count <= max(0, rows - 1) && lines.allSatisfy { $0.count <= columns })
    }

    @Test("what may take two columns is counted as two")
    func wide() {
        #expect(WatchScreen.cut("ab漢字", to: 5) == "ab漢" && WatchScreen.cut("ab漢字", to: 6) == "ab漢字")
    }

    @Test("a long name is cut to its column in a table, so that what is behind it stays in place, and whole in a line")
    func names() {
        var load = PlacementLoad()
        load.load.rank = 12
        let long = String(repeating: "n", count: 40)
        let rank = ClusterLoad.Rank(router: 0, name: long, state: .ready, load: load)
        let short = ClusterLoad.Rank(router: 0, name: "n", state: .ready, load: load)
        #expect(WatchText.load(rank, cuts: true).count == WatchText.load(short, cuts: true).count)
        #expect(WatchText.load(rank, cuts: true).hasPrefix(long.prefix(20) + "~/12 ready"))
        #expect(WatchText.load(rank).hasPrefix(long + "/12 ready"))
        let queue = ClusterLoad.Queue(
            router: 0,
            depth: QueueDepth(model: long, pool: Digest(), requests: 0, tokens: 0, oldestMilliseconds: 0, drainedTokensPerSecond: 0))
        #expect(WatchText.queue(queue, cuts: true).hasPrefix(long.prefix(23) + "~ 0"))
    }
}
