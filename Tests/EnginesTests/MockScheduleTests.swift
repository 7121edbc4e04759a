import ClusterModel
import Engines
import Testing

/// Who is computed when: tables of steps, read as `StepTable` says.
@Suite("Steps of the mock engine: who runs")
struct MockScheduleTests {
    @Test("what runs comes first, then what waits, from one budget; a long prompt takes what is left")
    func chunks() throws {
        let table = StepTable()
        table.admit("a", prompt: 5, output: 5)
        table.admit("b", text: 1, prompt: 30, output: 2)
        table.admit("c", text: 2, prompt: 6, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:5* b:11          |  5 11 | +a +b              | >1 >2>3
                2 | a:1 b:15           |  9  7 |                    | 3>4>5>6>7
                3 | a:1 b:4* c:6*      | 12  4 | +c                 | 7>8 >9
                4 | a:1 b:1 c:1        |  2 14 | b. c.              | 1>10
                5 | a:1                |  0 16 | a.                 |
            """)
    }

    @Test("no prompt gets more of a step than the threshold, so that short ones pass long ones")
    func threshold() throws {
        let table = StepTable { $0.longPrefillThreshold = 6 }
        table.admit("a", prompt: 20, output: 2)
        table.admit("b", text: 1, prompt: 5, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:6 b:5*           |  4 12 | +a +b              | >1 >2
                2 | a:6 b:1            |  3 13 | b.                 | 1>3>4
                3 | a:6                |  5 11 |                    | 4>5
                4 | a:2*               |  5 11 |                    | 5>6
                5 | a:1                |  0 16 | a.                 |
            """)
    }

    @Test("without chunks a prompt waits for a step that has room for all of it, and what has room in none is refused by name")
    func unchunked() throws {
        let table = StepTable { $0.chunkedPrefill = false }
        table.admit("a", prompt: 10, output: 4)
        table.admit("b", text: 1, prompt: 12, output: 2)
        table.admit("c", text: 2, prompt: 3, output: 2)
        table.admit("d", text: 3, prompt: 17, output: 2)
        try table.finish()
        #expect(table.run.ended[EngineRequestKey(4)]?.reason == .failed(.unsupported("promptTokens")))
        table.expect(
            """
                1 | a:10*              |  3 13 | +a d.              | >1>2
                2 | a:1 b:12* c:3*     |  7  9 | +b +c              | >3>4>5
                3 | a:1 b:1 c:1        |  3 13 | b. c.              | 2>6 >7
                4 | a:1                |  0 16 | a.                 |
            """)
    }

    @Test("short of blocks, the newest gives way, and comes back to the front of the queue with what the cache still has of it")
    func lifo() throws {
        let table = StepTable(blocks: 8)
        table.admit("a", prompt: 8, output: 12)
        table.admit("b", text: 1, prompt: 7, output: 14)
        table.admit("c", text: 2, prompt: 4, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:8* b:7* c:1      |  5  3 | +a +b +c           | >1>2 >3
                2 | a:1 b:1 c:3*       |  6  2 |                    | 3>4 >5
                3 | a:1 b:1 c:1        |  6  2 | c.                 |
                4 | a:1 b:1            |  6  2 |                    |
                5 | a:1 b:1            |  6  2 |                    | 2>6
                6 | a:1 b:1            |  7  1 |                    | 4>7
                7 | a:1 b:1            |  8  0 |                    | x5
                8 | a:1 b:1            |  8  0 |                    |
                9 | a:1 b:1            |  8  0 |                    | 6>8
               10 | a:1                |  5  3 | -b                 |
               11 | a:1                |  5  3 |                    |
               12 | a:1                |  0  8 | a.                 |
               13 | b:4*               |  4  4 | +b(12)             | 7>9
               14 | b:1                |  5  3 |                    | x8
               15 | b:1                |  5  3 |                    |
               16 | b:1                |  5  3 |                    |
               17 | b:1                |  0  8 | b.                 | 9>10
            """)
    }

    @Test("or the oldest gives way, even if it had its part in this step already")
    func fifo() throws {
        let table = StepTable(blocks: 8) { $0.preemption = .fifo }
        table.admit("a", prompt: 7, output: 14)
        table.admit("b", text: 1, prompt: 8, output: 12)
        table.admit("c", text: 2, prompt: 4, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:7* b:8* c:1      |  5  3 | +a +b +c           | >1 >2>3
                2 | a:1 b:1 c:3*       |  6  2 |                    | 1>4 >5
                3 | a:1 b:1 c:1        |  6  2 | c.                 |
                4 | a:1 b:1            |  6  2 |                    |
                5 | a:1 b:1            |  6  2 |                    | 3>6
                6 | a:1 b:1            |  7  1 |                    | 4>7
                7 | a:1 b:1            |  8  0 |                    | x5
                8 | a:1 b:1            |  8  0 |                    |
                9 | a:1 b:1            |  8  0 |                    | 6>8
               10 | b:1                |  5  3 | -a                 |
               11 | b:1                |  5  3 |                    |
               12 | b:1                |  0  8 | b.                 |
               13 | a:4*               |  4  4 | +a(12)             | 7>9
               14 | a:1                |  5  3 |                    | x8
               15 | a:1                |  5  3 |                    |
               16 | a:1                |  5  3 |                    |
               17 | a:1                |  0  8 | a.                 | 9>10
            """)
    }

    @Test("a request that was preempted without chunks is computed in chunks if it has grown past every budget")
    func grown() throws {
        let table = StepTable(blocks: 8, batched: 8) {
            $0.chunkedPrefill = false; $0.prefixCaching = false
        }
        table.admit("a", prompt: 4, output: 18)
        table.admit("b", text: 1, prompt: 4, output: 14)
        try table.finish()
        table.expect(
            """
                1 | a:4* b:4*          |  2  6 | +a +b              |
                2 | a:1 b:1            |  4  4 |                    |
                3 | a:1 b:1            |  4  4 |                    |
                4 | a:1 b:1            |  4  4 |                    |
                5 | a:1 b:1            |  4  4 |                    |
                6 | a:1 b:1            |  6  2 |                    |
                7 | a:1 b:1            |  6  2 |                    |
                8 | a:1 b:1            |  6  2 |                    |
                9 | a:1 b:1            |  6  2 |                    |
               10 | a:1 b:1            |  8  0 |                    |
               11 | a:1 b:1            |  8  0 |                    |
               12 | a:1 b:1            |  8  0 |                    |
               13 | a:1 b:1            |  8  0 |                    |
               14 | a:1                |  5  3 | -b                 |
               15 | a:1                |  5  3 |                    |
               16 | a:1                |  5  3 |                    |
               17 | a:1                |  5  3 |                    |
               18 | a:1                |  0  8 | a.                 |
               19 | b:8                |  2  6 | +b                 |
               20 | b:8                |  4  4 |                    |
               21 | b:1*               |  0  8 | b.                 |
            """)
    }

    @Test("a request starts only if the watermark stays free, unless it is alone")
    func watermark() throws {
        let table = StepTable(blocks: 10) { $0.watermark = 0.3 }
        table.admit("a", prompt: 14, output: 4)
        table.admit("b", text: 1, prompt: 14, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:14*              |  4  6 | +a                 | >1>2>3
                2 | a:1                |  4  6 |                    |
                3 | a:1                |  4  6 |                    | 3>4
                4 | a:1                |  0 10 | a.                 |
                5 | b:14*              |  4  6 | +b                 | >5>6>7
                6 | b:1                |  0 10 | b.                 |
            """)
        table.admit("c", text: 2, prompt: 37, output: 2)
        try table.step()
        table.expect(
            """
                7 | c:16               |  4  6 | +c                 | x4 x3 >8>9>10>11
            """)
    }

    @Test("higher priority first, then arrival; a request that cannot start holds back those behind it")
    func priority() throws {
        let table = StepTable(sequences: 2)
        table.admit("a", prompt: 2, output: 3)
        table.admit("b", text: 1, prompt: 2, output: 2)
        table.admit("c", text: 2, prompt: 2, output: 2, choices: 2) { $0.priority = 1 }
        table.admit("d", text: 3, prompt: 2, output: 2) { $0.priority = 2 }
        try table.finish()
        table.expect(
            """
                1 | d:2*               |  1 15 | +d                 |
                2 | d:1                |  0 16 | d.                 |
                3 | c:2*               |  2 14 | +c                 |
                4 | c:2                |  0 16 | c.                 |
                5 | a:2* b:2*          |  2 14 | +a +b              |
                6 | a:1 b:1            |  1 15 | b.                 |
                7 | a:1                |  0 16 | a.                 | >1
            """)
    }

    @Test("an adapter without a free slot waits, and lets those behind it pass")
    func adapters() throws {
        let table = StepTable {
            $0.adapters = ["x", "y"]
            $0.maxAdapters = 1
        }
        table.admit("a", prompt: 4, output: 3) { $0.adapter = "x" }
        table.admit("b", prompt: 4, output: 2) { $0.adapter = "y" }
        table.admit("c", prompt: 4, output: 2) { $0.adapter = "x" }
        table.admit("d", prompt: 4, output: 2)
        try table.finish()
        table.expect(
            """
                1 | a:4* c:4* d:4*     |  3 13 | +a +c +d           | >1 >2
                2 | a:1 c:1 d:1        |  2 14 | c. d.              |
                3 | a:1                |  0 16 | a.                 |
                4 | b:4*               |  1 15 | +b                 | >3
                5 | b:1                |  0 16 | b.                 |
            """)
    }

    @Test("choices count one sequence each, share the prompt's full blocks, and each have the rest for themselves")
    func choices() throws {
        let table = StepTable(sequences: 4)
        table.admit("a", prompt: 10, output: 5, choices: 3)
        table.admit("b", text: 1, prompt: 2, output: 2, choices: 2)
        try table.step(4)
        table.cancel("a", choice: 1)
        try table.finish()
        table.expect(
            """
                1 | a:10*              |  5 11 | +a                 | >1>2
                2 | a:3                |  5 11 |                    |
                3 | a:3                |  5 11 |                    | 2>3 2>4 2>5
                4 | a:3                |  8  8 |                    |
                5 | a:2 b:2*           |  2 14 | +b a.              |
                6 | b:2                |  0 16 | b.                 |
            """)
    }

    @Test("a wide request takes several steps for a token of each choice where the budget is narrow")
    func wide() throws {
        let table = StepTable(batched: 3)
        table.admit("a", prompt: 4, output: 3, choices: 4)
        // The third step computes what the first three choices know, and a table shows tokens as they come.
        try table.step(3)
        // Nothing of the others remains to be computed: their next tokens are due.
        table.cancel("a", choice: 3)
        try table.finish()
        table.expect(
            """
                1 | a:3                |  1 15 | +a                 |
                2 | a:1*               |  1 15 |                    | >1
                3 |                    |  4 12 |                    |
                4 | a:3                |  4 12 |                    |
                5 | a:3                |  0 16 | a.                 |
            """)
    }
}
