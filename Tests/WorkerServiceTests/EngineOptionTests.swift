import Engines
import EventLoop
import ServiceRuntime
import Testing
import WireProtocol
import WorkerService

@Suite("Options of a worker's engine")
struct EngineOptionTests {
    private static let profile = """
        {"prefill": [{"tokens": 1, "milliseconds": 5}],
         "decode": {"activeTokens": [0], "contextLengths": [0], "milliseconds": [[2.5]]}}
        """

    /// A file system of one good profile and one bad one.
    private static let files = FileReader { (path, _) throws(FileReadError) in
        switch path {
        case "good.json": Array(profile.utf8)
        case "bad.json": Array(profile.replacing("2.5", with: "-2.5").utf8)
        default: throw FileReadError(path: path, reason: "no such file")
        }
    }

    private func resolve(_ arguments: String) -> Resolution {
        WorkerOptions().table.resolve(arguments: arguments.split(separator: " ").map(String.init), environment: [:], files: Self.files)
    }

    private func selection(_ arguments: String) throws -> EngineSelection {
        let options = WorkerOptions()
        let resolution = options.table.resolve(
            arguments: arguments.split(separator: " ").map(String.init), environment: [:], files: Self.files)
        #expect(resolution.errors == [])
        return try options.config(resolution.configuration).engine
    }

    private func mock(_ arguments: String) throws -> MockConfiguration {
        guard case .mock(let mock) = try selection(arguments) else { throw Wrong() }
        return mock
    }

    private func faults(_ arguments: String) throws -> EngineFaults {
        guard case .faulty(.mock, let faults) = try selection(arguments) else { throw Wrong() }
        return faults
    }

    private struct Wrong: Error {}

    @Test("by default it is a mock as its configuration says, without faults, which gives and takes KV state")
    func defaults() throws {
        var expected = MockConfiguration()
        expected.kv = MockKVConfiguration()
        #expect(try mock("") == expected)
    }

    @Test("a mock is stepped on the loop, with faults as well; an engine of which nothing is known on a thread")
    func place() throws {
        #expect(try selection("").place == .loop)
        #expect(try selection("--fault-stall 5+1s --fault-slow-step 0.5+50ms").place == .loop)
        #expect(EngineSelection.made { MockEngine(MockConfiguration()) }.place == .thread)
    }

    @Test("KV state is given and taken in the ways that an option names, in pages of a size that others say")
    func handOver() throws {
        #expect(try mock("--mock-hand-over none").kv == nil)
        #expect(try mock("--mock-hand-over concurrent").kv?.paths == .concurrent)
        #expect(
            try mock("--mock-hand-over sequential --mock-kv-layers 3 --mock-kv-head-dimension 5").kv
                == MockKVConfiguration(layers: 3, headDimension: 5, paths: .sequential))
        let resolution = resolve("--kv-codec split-zstd --kv-credits 1MiB --fault-drop-kv-link-at-chunk 7")
        #expect(resolution.errors == [])
        let config = try WorkerOptions().config(resolution.configuration)
        #expect(config.rooms.codec == .fixed(.splitZstd) && config.rooms.credits == 1 << 20 && config.rooms.breaksAtChunk == 7)
    }

    @Test("each option of the mock reaches its configuration")
    func mock() throws {
        let mock = try mock(
            "--no-mock-prefix-caching --no-mock-chunked-prefill --mock-long-prefill 300 --mock-preemption fifo --mock-watermark 0.2"
                + " --mock-max-adapters 3 --mock-session-share 0.25 --mock-embedding-dimensions 8 --loras a,b --speedup 3 --no-mock-constraints"
        )
        var expected = MockConfiguration()
        expected.prefixCaching = false
        expected.chunkedPrefill = false
        expected.longPrefillThreshold = 300
        expected.preemption = .fifo
        expected.watermark = 0.2
        expected.maxAdapters = 3
        expected.sessionShare = 0.25
        expected.embeddingDimensions = 8
        expected.adapters = ["a", "b"]
        expected.latency.speedup = 3
        expected.constraints = false
        expected.kv = MockKVConfiguration()
        #expect(mock == expected)
    }

    @Test("a profile is read at the start, and stands for no other pace")
    func profile() throws {
        let expected = try LatencyProfile(parsing: Array(Self.profile.utf8))
        #expect(try mock("--mock-profile good.json").latency.form == .interpolated(expected))
        #expect(try mock("--mock-decode-step 5ms").latency.form == .fixed(prefillPerToken: .zero, decodeStep: .milliseconds(5)))
        #expect(resolve("--mock-profile bad.json").errors.contains { $0.problem.contains("decode.milliseconds[0][0]") })
        #expect(resolve("--mock-profile none.json").errors.count == 1)
        #expect(resolve("--mock-profile good.json --mock-decode-step 5ms").errors.count == 1)
    }

    @Test("each fault reaches the engine, and is named")
    func faults() throws {
        let faults = try faults(
            "--fault-seed 9 --fault-refuse 0.01 --fault-slow-step 0.5x5 --fault-stall 1000+2s --fault-fail-at-token 7"
                + " --fault-crash-at-token 8 --fault-wrong-hashes 0.1 --fault-silent-clear 50 --fault-damage-exports 0.2"
                + " --fault-refuse-stores 0.3")
        var expected = EngineFaults()
        expected.seed = 9
        expected.refusals = 0.01
        expected.slowStep = .init(share: 0.5, .factor(5))
        expected.stall = .init(step: 1_000, duration: .seconds(2))
        expected.failsAtToken = 7
        expected.crashesAtToken = 8
        expected.wrongHashes = 0.1
        expected.clearsSilentlyEvery = 50
        expected.damagedExports = 0.2
        expected.refusedStores = 0.3
        #expect(faults == expected)
        #expect(faults.names.count == 9)
        #expect(try selection("--fault-refuse 0.01").faults == ["refused requests"])
    }

    @Test("slow steps are written with a factor or with a time")
    func slowSteps() throws {
        #expect(try faults("--fault-slow-step 0.01+50ms").slowStep == .init(share: 0.01, .longer(.milliseconds(50))))
        #expect(try faults("--fault-slow-step 1x1.5").slowStep == .init(share: 1, .factor(1.5)))
    }

    @Test(
        "what is written wrongly is one error",
        arguments: [
            "--fault-slow-step 5x5", "--fault-slow-step 0.1", "--fault-slow-step x5", "--fault-slow-step 0.1x", "--fault-slow-step 0.1x0.5",
            "--fault-slow-step 0.1xnan", "--fault-slow-step 0.1+5", "--fault-slow-step 0.1+2h", "--fault-slow-step -0.1x5",
            "--fault-stall 2s", "--fault-stall 0+2s", "--fault-stall 5+", "--fault-stall x+2s", "--fault-stall 99999999999999999999+2s",
            "--fault-refuse 1.5", "--fault-crash-at-token 0", "--fault-silent-clear 0", "--mock-watermark 0.9", "--mock-preemption none",
            "--mock-max-adapters 0", "--mock-long-prefill 0", "--mock-session-share 2", "--mock-embedding-dimensions -1",
        ])
    func wrong(arguments: String) {
        #expect(resolve(arguments).errors.count == 1)
    }
}
