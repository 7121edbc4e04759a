import ServiceRuntime
import WireProtocol

/// The options of KV state on its way between workers.
struct RoomOptions: Sendable {
    private let codec: OptionKey<Codec>
    private let credits: OptionKey<Int>
    private let breakAtChunk: OptionKey<Int?>

    private enum Codec: String, CaseIterable, Sendable {
        case auto, none, zstd
        case splitZstd = "split-zstd"
    }

    init(in table: inout OptionTable) {
        let settings = RoomSettings()
        table.group("KV transfer")
        codec = table.option(
            "kv-codec", .word(), default: .auto,
            help: "How KV state is packed for the link: auto tries each on a link that bytes wait for, and takes what is fastest there.")
        credits = table.option(
            "kv-credits", .bytes(Self.leastCredits...(1 << 30)), default: Int(settings.credits),
            help: "KV state that one peer may have under way to this worker; it is in memory until it is stored.")
        table.group("Faults")
        breakAtChunk = table.optional(
            "fault-drop-kv-link-at-chunk", .integer(1...Int.max), help: "The link breaks when so many chunks of KV state were sent.")
    }

    /// A quarter of it is a chunk, and a page of an ordinary model is to fit one.
    private static let leastCredits = 64 << 10

    func apply(_ resolved: ResolvedConfiguration, to config: inout WorkerConfig) {
        config.rooms.credits = UInt32(clamping: resolved[credits])
        config.rooms.breaksAtChunk = resolved[breakAtChunk].map { UInt64($0) }
        config.rooms.codec =
            switch resolved[codec] {
            case .auto: .auto
            case .none: .fixed(.none)
            case .zstd: .fixed(.zstd)
            case .splitZstd: .fixed(.splitZstd)
            }
    }
}
