import ClusterModel
import Engines
import Testing

/// What sessions keep: tables of steps, read as `StepTable` says.
@Suite("Sessions of the mock engine")
struct MockSessionTests {
    @Test("the blocks of a session's request stay when others need room, and its next turn finds them")
    func kept() throws {
        let table = StepTable(blocks: 8)
        table.run.engine.session(.open(session: 7, rank: Rank(0)))
        table.admit("a", prompt: 8, output: 6) { $0.session = 7 }
        try table.finish()
        table.admit("b", text: 1, prompt: 18, output: 2)
        try table.finish()
        let next = table.conversation("a") + [1]
        table.admit("c", prompt: 0, output: 2) {
            $0.prompt = next
            $0.session = 7
        }
        try table.finish()
        table.expect(
            """
                1 | a:8*               |  2  6 | +a                 | >1>2
                2 | a:1                |  3  5 |                    |
                3 | a:1                |  3  5 |                    |
                4 | a:1                |  3  5 |                    |
                5 | a:1                |  3  5 |                    | 2>3
                6 | a:1                |  0  5 | s7=3 a.            |
                7 | b:16               |  4  1 | +b                 | >4>5>6>7
                8 | b:2*               |  5  0 |                    |
                9 | b:1                |  0  5 | b.                 |
               10 | c:3*               |  4  4 | +c(12)             |
               11 | c:1                |  0  4 | s7=4 c.            | 3>8
            """)
    }

    @Test("short of blocks, the session that was least recently used gives way, its end first, before anybody is preempted")
    func giveWay() throws {
        let table = StepTable(blocks: 8) { $0.sessionShare = 1 }
        for session in 7...8 as ClosedRange<UInt64> { table.run.engine.session(.open(session: session, rank: Rank(0))) }
        table.admit("a", prompt: 9, output: 1) { $0.session = 7 }
        try table.finish()
        table.admit("b", text: 1, prompt: 13, output: 1) { $0.session = 8 }
        try table.finish()
        table.admit("c", text: 2, prompt: 14, output: 6)
        try table.finish()
        table.expect(
            """
                1 | a:9*               |  0  6 | +a s7=2 a.         | >1>2
                2 | b:13*              |  0  3 | +b s8=3 b.         | >3>4>5
                3 | c:14*              |  4  0 | +c s7=1            | x2 >6>7>8
                4 | c:1                |  4  0 |                    |
                5 | c:1                |  4  0 |                    | 8>9
                6 | c:1                |  5  0 | s7=0               | x1
                7 | c:1                |  5  0 |                    |
                8 | c:1                |  0  5 | c.                 |
            """)
    }

    @Test("all sessions together keep no more than their share")
    func share() throws {
        let table = StepTable(blocks: 8)
        for session in 7...8 as ClosedRange<UInt64> { table.run.engine.session(.open(session: session, rank: Rank(0))) }
        table.admit("a", prompt: 9, output: 1) { $0.session = 7 }
        try table.finish()
        table.admit("b", text: 1, prompt: 13, output: 1) { $0.session = 8 }
        try table.finish()
        table.admit("c", text: 1, prompt: 24, output: 1) { $0.session = 8 }
        try table.finish()
        #expect(table.run.output.loads[0].sessionBlocks == 4)
        table.expect(
            """
                1 | a:9*               |  0  6 | +a s7=2 a.         | >1>2
                2 | b:13*              |  0  4 | +b s8=3 s7=1 b.    | >3>4>5
                3 | c:12*              |  0  4 | +c(12) s8=4 s7=0 c. | x2 5>6>7>8
            """)
    }

    @Test("an ended session keeps nothing, nor does its request that still runs; a cleared cache ends what is kept and not the session")
    func ends() throws {
        let table = StepTable(batched: 64)
        for session in 7...8 as ClosedRange<UInt64> { table.run.engine.session(.open(session: session, rank: Rank(0))) }
        table.admit("a", prompt: 9, output: 1) { $0.session = 7 }
        table.admit("b", text: 1, prompt: 9, output: 1) { $0.session = 8 }
        try table.finish()
        table.admit("c", prompt: 9, output: 4) { $0.session = 7 }
        try table.step(2)
        table.run.engine.session(.end(session: 7))
        #expect(table.run.engine.hasWork)
        try table.finish()
        table.run.engine.clearCache(of: Rank(0))
        try table.finish()
        table.admit("d", text: 1, prompt: 9, output: 1) { $0.session = 8 }
        try table.finish()
        table.run.engine.session(.end(session: 8))
        try table.finish()
        #expect(table.run.output.loads[0].sessionBlocks == 0)
        table.expect(
            """
                1 | a:9* b:9*          |  0 12 | +a +b s7=2 s8=2 a. b. | >1>2 >3>4
                2 | c:1*               |  3 11 | +c(8)              |
                3 | c:1                |  3 11 |                    |
                4 | c:1                |  3 11 | s7=0               |
                5 | c:1                |  0 14 | c.                 | 2>5
                6 |                    |  0 16 | s8=0               | clear
                7 | d:9*               |  0 14 | +d s8=2 d.         | >3>4
                8 |                    |  0 16 | s8=0               |
            """)
    }

    @Test("of several choices a session keeps the first, also if it ends before the others; a request that never ran changes nothing")
    func choices() throws {
        let table = StepTable(batched: 64)
        table.run.engine.session(.open(session: 7, rank: Rank(0)))
        table.admit("a", prompt: 8, output: 12, choices: 2) {
            $0.session = 7
            $0.choices[0].maxTokens = 6
        }
        try table.finish()
        table.admit("b") { $0.session = 7 }
        table.cancel("b")
        try table.finish()
        table.expect(
            """
                1 | a:8*               |  2 14 | +a                 | >1>2
                2 | a:2                |  4 12 |                    |
                3 | a:2                |  4 12 |                    |
                4 | a:2                |  4 12 |                    |
                5 | a:2                |  4 12 |                    | 2>3 2>4
                6 | a:2                |  6 10 |                    |
                7 | a:1                |  6 10 |                    |
                8 | a:1                |  6 10 |                    |
                9 | a:1                |  6 10 |                    | 4>5
               10 | a:1                |  7  9 |                    |
               11 | a:1                |  7  9 |                    |
               12 | a:1                |  0 13 | s7=3 a.            |
               13 |                    |  0 13 | b.                 |
            """)
    }
}
