import Engines
import ServiceRuntime
import WireProtocol

/// The options of the mock engine alone.
struct MockOptions: Sendable {
    private let speedup: OptionKey<Double>
    private let decodeSpeedup: OptionKey<Double>
    private let profile: OptionKey<LatencyProfileFile?>
    private let decodeStep: OptionKey<Duration?>
    private let prefillToken: OptionKey<Duration?>
    private let adapters: OptionKey<[String]>
    private let maxAdapters: OptionKey<Int>
    private let prefixCaching: OptionKey<Bool>
    private let chunkedPrefill: OptionKey<Bool>
    private let longPrefill: OptionKey<Int?>
    private let preemption: OptionKey<MockPreemption>
    private let watermark: OptionKey<Double>
    private let sessionShare: OptionKey<Double>
    private let embeddingDimensions: OptionKey<Int>
    /// Its answers, which need the model's tokens to be applied.
    let says: OptionKey<MockAnswersFile?>
    private let constraints: OptionKey<Bool>
    private let handOver: OptionKey<HandOverChoice>
    private let kvLayers: OptionKey<Int>
    private let kvHeadDimension: OptionKey<Int>

    init(in table: inout OptionTable, name: ValueSyntax<String>) {
        let mock = MockConfiguration()
        table.group("Mock engine")
        speedup = table.option(
            "speedup", .number(0...1_000_000), default: mock.latency.speedup,
            help: "Divides the time of every step; 0 takes no time at all.")
        decodeSpeedup = table.option(
            "decode-speedup", .number(0...1_000_000), default: mock.latency.decodeSpeedup, help: "Divides that of decode once more.")
        profile = table.optional(
            "mock-profile", .latencyProfile, help: "Measured times of a machine and model, JSON; deploy/engines has an example.")
        decodeStep = table.optional(
            "mock-decode-step", .duration(.zero...(.seconds(60))), help: "A decode step takes this long, whatever the load.")
        prefillToken = table.optional(
            "mock-prefill-token", .duration(.zero...(.seconds(1))),
            help: "A token of prefill takes this long; by default the time grows with the square of the batch.")
        prefixCaching = table.flag(
            "mock-prefix-caching", default: mock.prefixCaching,
            help: "Later requests find the blocks of earlier ones. Without it there are no cache events and no sessions.")
        chunkedPrefill = table.flag(
            "mock-chunked-prefill", default: mock.chunkedPrefill,
            help: "A prompt may take several steps. Without it one that is longer than max-batched-tokens is refused.")
        longPrefill = table.optional(
            "mock-long-prefill", .integer(1...1_048_576),
            help: "Tokens of one prompt in one step at the most, so that short prompts pass long ones.")
        preemption = table.option(
            "mock-preemption", .word(), default: mock.preemption,
            help: "Who gives way when blocks run out: what started last (lifo) or first (fifo).")
        watermark = table.option(
            "mock-watermark", .number(0...0.5), default: mock.watermark,
            help: "Share of the blocks that the start of a request leaves free for those that run.")
        adapters = table.list("loras", name, count: 0...Limits.loRAs, help: "Adapters that count as loaded.")
        maxAdapters = table.option(
            "mock-max-adapters", .integer(1...1_024), default: mock.maxAdapters,
            help: "Different adapters among the requests of a rank that run at once.")
        sessionShare = table.option(
            "mock-session-share", .number(0...1), default: mock.sessionShare, help: "Share of the blocks that sessions may keep.")
        embeddingDimensions = table.option(
            "mock-embedding-dimensions", .integer(0...Limits.embeddingBytes / MemoryLayout<Float>.size),
            default: Int(mock.embeddingDimensions), help: "Numbers of an embedding; 0: the engine gives none.")
        says = table.optional(
            "mock-says", .mockAnswers,
            help:
                "What it says, a JSON object a line: says, perhaps thinks, and perhaps when, a text in the prompt. deploy/engines has an example."
        )
        constraints = table.flag(
            "mock-constraints", default: mock.constraints,
            help: "Output that is to be JSON, to follow a schema or to be one of some texts is. Without it such requests are refused.")
        let kv = MockKVConfiguration()
        handOver = table.option(
            "mock-hand-over", .word(), default: .both,
            help: "How KV state is given and taken: while prefill goes on, after it, in both ways, or not at all.")
        kvLayers = table.option("mock-kv-layers", .integer(1...512), default: Int(kv.layers), help: "Layers of its KV state.")
        kvHeadDimension = table.option(
            "mock-kv-head-dimension", .integer(1...65_536), default: Int(kv.headDimension),
            help: "Bytes of keys of one token and layer, and as many of values.")
        table.check(profile, decodeStep, prefillToken) { [profile, decodeStep, prefillToken] resolved in
            guard resolved[profile] != nil, resolved[decodeStep] != nil || resolved[prefillToken] != nil else { return [] }
            return [
                resolved.issue(
                    profile, problem: "a profile and a fixed pace contradict each other",
                    remedy: "give either mock-profile, or mock-decode-step and mock-prefill-token")
            ]
        }
    }

    func apply(_ resolved: ResolvedConfiguration, to mock: inout MockConfiguration) {
        mock.latency = LatencyModel(speedup: resolved[speedup], decodeSpeedup: resolved[decodeSpeedup])
        if let file = resolved[profile] {
            mock.latency.form = .interpolated(file.profile)
        } else if resolved[decodeStep] != nil || resolved[prefillToken] != nil {
            mock.latency.form = .fixed(prefillPerToken: resolved[prefillToken] ?? .zero, decodeStep: resolved[decodeStep] ?? .zero)
        }
        mock.adapters = resolved[adapters]
        mock.maxAdapters = resolved[maxAdapters]
        mock.prefixCaching = resolved[prefixCaching]
        mock.chunkedPrefill = resolved[chunkedPrefill]
        mock.longPrefillThreshold = resolved[longPrefill]
        mock.preemption = resolved[preemption]
        mock.watermark = resolved[watermark]
        mock.sessionShare = resolved[sessionShare]
        if let paths = resolved[handOver].paths {
            mock.kv = MockKVConfiguration(
                layers: UInt32(clamping: resolved[kvLayers]), headDimension: UInt32(clamping: resolved[kvHeadDimension]), paths: paths)
        }
        mock.constraints = resolved[constraints]
        mock.embeddingDimensions = UInt32(clamping: resolved[embeddingDimensions])
    }
}

/// A profile, and the file that it was read from.
struct LatencyProfileFile: Sendable {
    let path: String
    let profile: LatencyProfile
}

extension ValueSyntax<LatencyProfileFile> {
    /// A path that is read at once, so that `--check-config` finds a wrong profile before the process runs.
    fileprivate static var latencyProfile: ValueSyntax<LatencyProfileFile> {
        ValueSyntax(placeholder: "FILE") { raw, reader throws(ValueProblem) in
            guard case .text(let path) = raw, !path.isEmpty else {
                throw ValueProblem("it is no path", remedy: "write the path of a profile")
            }
            let bytes: [UInt8]
            do throws(FileReadError) { bytes = try reader.read(path, LatencyProfileLimits.bytes) } catch {
                throw ValueProblem(error.description, remedy: "make the file readable to this process, or correct the path")
            }
            do throws(LatencyProfileError) {
                return LatencyProfileFile(path: path, profile: try LatencyProfile(parsing: bytes))
            } catch {
                throw ValueProblem("the profile is wrong: \(error)", remedy: "correct it there")
            }
        } show: {
            .text($0.path)
        }
    }
}
