import ClusterModel
import Engines
import Testing

/// What is found, kept and forgotten: tables of steps, read as `StepTable` says.
@Suite("Steps of the mock engine: what stays")
struct MockCacheTests {
    @Test("a prompt that was computed before is found, but for its last token; others as far as they begin alike")
    func hits() throws {
        let table = StepTable()
        table.admit("a", prompt: 12, output: 2)
        try table.finish()
        table.admit("b", prompt: 12, output: 2)
        table.admit("c", prompt: 10, output: 2)
        table.admit("d", prompt: 16, output: 2) { $0.prompt[5] = 999 }
        try table.finish()
        table.expect(
            """
                1 | a:12*              |  3 13 | +a                 | >1>2>3
                2 | a:1                |  0 16 | a.                 |
                3 | b:4* c:2* d:10     |  7  9 | +b(8) +c(8) +d(4)  | 1>4>5
                4 | b:1 c:1 d:2*       |  4 12 | b. c.              | 5>6
                5 | d:1                |  0 16 | d.                 |
            """)
    }

    @Test("output is found too: the next turn of a conversation computes only what is new")
    func output() throws {
        let table = StepTable()
        table.admit("a", prompt: 6, output: 8)
        try table.finish()
        let next = table.conversation("a", prompt: 6) + [1, 2]
        table.admit("b", prompt: 0, output: 2) { $0.prompt = next }
        try table.finish()
        table.expect(
            """
                1 | a:6*               |  2 14 | +a                 | >1
                2 | a:1                |  2 14 |                    |
                3 | a:1                |  2 14 |                    | 1>2
                4 | a:1                |  3 13 |                    |
                5 | a:1                |  3 13 |                    |
                6 | a:1                |  3 13 |                    |
                7 | a:1                |  3 13 |                    | 2>3
                8 | a:1                |  0 16 | a.                 |
                9 | b:4*               |  4 12 | +b(12)             | 3>4
               10 | b:1                |  0 16 | b.                 |
            """)
    }

    @Test("a continued request finds what its first attempt left")
    func continued() throws {
        let table = StepTable()
        table.admit("a", prompt: 6, output: 20)
        try table.step(8)
        table.cancel("a")
        try table.finish()
        let shown = table.run.tokens[EngineRequestKey(1)]?[0] ?? []
        table.admit("b", prompt: 6) { $0.choices = [EngineChoice(choice: 0, shown: shown, maxTokens: 2)] }
        try table.finish()
        table.expect(
            """
                1 | a:6*               |  2 14 | +a                 | >1
                2 | a:1                |  2 14 |                    |
                3 | a:1                |  2 14 |                    | 1>2
                4 | a:1                |  3 13 |                    |
                5 | a:1                |  3 13 |                    |
                6 | a:1                |  3 13 |                    |
                7 | a:1                |  3 13 |                    | 2>3
                8 | a:1                |  4 12 |                    |
                9 |                    |  0 16 | a.                 |
               10 | b:2*               |  4 12 | +b(12)             |
               11 | b:1                |  0 16 | b.                 |
            """)
    }

    @Test("two requests that compute the same at once each keep a copy, which counts as one until the last is gone")
    func twins() throws {
        let table = StepTable(blocks: 9)
        table.admit("a", prompt: 8, output: 2)
        table.admit("b", prompt: 8, output: 4)
        try table.finish()
        // Of a's copies one is taken, then of b's.
        table.admit("c", text: 1, prompt: 23, output: 1)
        try table.finish()
        table.admit("d", text: 2, prompt: 12, output: 1)
        try table.finish()
        table.expect(
            """
                1 | a:8* b:8*          |  4  5 | +a +b              | >1>2
                2 | a:1 b:1            |  3  6 | a.                 |
                3 | b:1                |  3  6 |                    |
                4 | b:1                |  0  9 | b.                 |
                5 | c:16               |  4  5 | +c                 | >3>4>5>6
                6 | c:7*               |  0  9 | c.                 | 6>7
                7 | d:12*              |  0  9 | +d d.              | x2 x1 >8>9>10
            """)
    }

    @Test("what was given back first is taken first, and of a sequence its end before its beginning; a hit makes young again")
    func eviction() throws {
        let table = StepTable(blocks: 8)
        table.admit("a", prompt: 12, output: 1)
        try table.finish()
        table.admit("b", text: 1, prompt: 12, output: 1)
        try table.finish()
        table.admit("c", prompt: 6, output: 1)
        try table.finish()
        table.admit("d", text: 2, prompt: 22, output: 1)
        try table.finish()
        table.expect(
            """
                1 | a:12*              |  0  8 | +a a.              | >1>2>3
                2 | b:12*              |  0  8 | +b b.              | >4>5>6
                3 | c:2*               |  0  8 | +c(4) c.           |
                4 | d:16               |  4  4 | +d                 | x3 x2 x6 >7>8>9>10
                5 | d:6*               |  0  8 | d.                 | x5 x4 10>11
            """)
    }

    @Test("a salt, an adapter or a medium keeps equal tokens apart")
    func apart() throws {
        let table = StepTable(blocks: 32, batched: 64) { $0.adapters = ["x"] }
        table.admit("a")
        try table.finish()
        table.admit("b") { $0.salt = CacheSalt(bytes: Array(repeating: 1, count: 16)) }
        try table.finish()
        table.admit("c") { $0.adapter = "x" }
        try table.finish()
        table.admit("d", prompt: 16) { $0.media = [EngineMedium(hash: 5, firstToken: 5, tokenCount: 5)] }
        try table.finish()
        table.admit("e", prompt: 16) { $0.media = [EngineMedium(hash: 5, firstToken: 5, tokenCount: 5)] }
        table.admit("f", prompt: 16) { $0.media = [EngineMedium(hash: 6, firstToken: 5, tokenCount: 5)] }
        try table.finish()
        table.expect(
            """
                1 | a:8*               |  2 30 | +a                 | >1>2
                2 | a:1                |  3 29 |                    |
                3 | a:1                |  3 29 |                    |
                4 | a:1                |  0 32 | a.                 |
                5 | b:8*               |  2 30 | +b                 | >3>4
                6 | b:1                |  3 29 |                    |
                7 | b:1                |  3 29 |                    |
                8 | b:1                |  0 32 | b.                 |
                9 | c:8*               |  2 30 | +c                 | >5>6
               10 | c:1                |  3 29 |                    |
               11 | c:1                |  3 29 |                    |
               12 | c:1                |  0 32 | c.                 |
               13 | d:12*              |  4 28 | +d(4)              | 1>7>8>9
               14 | d:1                |  5 27 |                    |
               15 | d:1                |  5 27 |                    |
               16 | d:1                |  0 32 | d.                 |
               17 | e:4* f:12*         |  7 25 | +e(12) +f(4)       | 1>10>11>12
               18 | e:1 f:1            |  9 23 |                    |
               19 | e:1 f:1            |  9 23 |                    |
               20 | e:1 f:1            |  0 32 | e. f.              |
            """)
    }

    @Test("a cleared cache finds nothing, neither of what is held nor of what comes behind it, until it is computed anew")
    func clear() throws {
        let table = StepTable()
        table.admit("a", prompt: 8, output: 10)
        try table.step(2)
        table.run.engine.clearCache(of: Rank(0))
        #expect(table.run.engine.hasWork)
        try table.step(1)
        table.admit("b", prompt: 8, output: 2)
        try table.finish()
        table.run.engine.clearCache(of: Rank(0))
        try table.finish()
        table.expect(
            """
                1 | a:8*               |  2 14 | +a                 | >1>2
                2 | a:1                |  3 13 |                    |
                3 | a:1                |  3 13 |                    | clear
                4 | a:1 b:8*           |  5 11 | +b                 | >1>2
                5 | a:1 b:1            |  3 13 | b.                 |
                6 | a:1                |  4 12 |                    |
                7 | a:1                |  4 12 |                    |
                8 | a:1                |  4 12 |                    |
                9 | a:1                |  4 12 |                    |
               10 | a:1                |  0 16 | a.                 |
               11 |                    |  0 16 |                    | clear
            """)
    }

    @Test("what was computed stays when a request is cancelled, chunk or decode")
    func cancelled() throws {
        let table = StepTable()
        table.admit("a", prompt: 40, output: 2)
        try table.step(1)
        table.cancel("a")
        try table.finish()
        table.admit("b", prompt: 20, output: 6)
        try table.finish()
        table.expect(
            """
                1 | a:16               |  4 12 | +a                 | >1>2>3>4
                2 |                    |  0 16 | a.                 |
                3 | b:4*               |  5 11 | +b(16)             | 4>5
                4 | b:1                |  6 10 |                    |
                5 | b:1                |  6 10 |                    |
                6 | b:1                |  6 10 |                    |
                7 | b:1                |  6 10 |                    | 5>6
                8 | b:1                |  0 16 | b.                 |
            """)
    }

    @Test("without prefix caching nothing is found and nothing said")
    func noCache() throws {
        let table = StepTable { $0.prefixCaching = false }
        table.admit("a")
        try table.finish()
        table.admit("b")
        try table.finish()
        #expect(table.run.engine.profile.cacheReport == .noCache)
        #expect(!table.run.engine.profile.capabilities.contains(.sessions))
        table.expect(
            """
                1 | a:8*               |  2 14 | +a                 |
                2 | a:1                |  3 13 |                    |
                3 | a:1                |  3 13 |                    |
                4 | a:1                |  0 16 | a.                 |
                5 | b:8*               |  2 14 | +b                 |
                6 | b:1                |  3 13 |                    |
                7 | b:1                |  3 13 |                    |
                8 | b:1                |  0 16 | b.                 |
            """)
    }

    @Test("choices of a continued request find each their own, and the rest of the prompt is computed once")
    func choices() throws {
        let table = StepTable()
        table.admit("a", prompt: 6, output: 8, choices: 2)
        try table.finish()
        let shown = [0, 1].map { table.run.tokens[EngineRequestKey(1)]?[$0] ?? [] }
        table.admit("b", prompt: 6) { request in
            request.choices = [0, 1].map { EngineChoice(choice: UInt8($0), shown: shown[$0], maxTokens: 2) }
        }
        try table.finish()
        table.admit("c", prompt: 6) { request in
            request.choices = [0, 1].map { EngineChoice(choice: UInt8($0), shown: $0 == 0 ? shown[0] : [], maxTokens: 2) }
        }
        try table.finish()
        table.expect(
            """
                1 | a:6*               |  3 13 | +a                 | >1
                2 | a:2                |  3 13 |                    |
                3 | a:2                |  3 13 |                    | 1>2 1>3
                4 | a:2                |  5 11 |                    |
                5 | a:2                |  5 11 |                    |
                6 | a:2                |  5 11 |                    |
                7 | a:2                |  5 11 |                    | 2>4 3>5
                8 | a:2                |  0 16 | a.                 |
                9 | b:4*               |  7  9 | +b(18)             |
               10 | b:2                |  0 16 | b.                 |
               11 | c:4*               |  5 11 | +c(10)             |
               12 | c:2                |  0 16 | c.                 |
            """)
    }
}
