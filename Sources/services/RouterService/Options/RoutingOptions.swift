import Scheduling
import ServiceRuntime

/// The options of how a worker is chosen. Each stands in the table of `deploy/router-options.md`.
struct RoutingOptions: Sendable {
    static let group = "Routing"

    private let policy: OptionKey<SelectionPolicy>
    private let overlapWeight: OptionKey<Double?>
    private let overlapCredit: OptionKey<Double>
    private let creditDecay: OptionKey<Double>
    private let prefillScale: OptionKey<Double>
    private let heldBlockWeight: OptionKey<Double>
    private let decodeScale: OptionKey<Double>
    private let requestWeight: OptionKey<Double>
    private let hostWeight: OptionKey<Double>
    private let diskWeight: OptionKey<Double>
    private let externalWeight: OptionKey<Double>
    private let temperature: OptionKey<Double>
    private let assumeReuse: OptionKey<Bool>
    private let trackPrefill: OptionKey<Bool>
    private let trackActiveBlocks: OptionKey<Bool>
    private let transferWeight: OptionKey<Double>
    private let interferenceWeight: OptionKey<Double>
    private let evictionWeight: OptionKey<Double>
    private let enforceSplit: OptionKey<Bool>
    private let decisionMemory: OptionKey<Int>

    /// Of a weight: more would only drown the other terms.
    private static let most = 1_000_000.0

    init(in table: inout OptionTable) {
        let defaults = SelectionSettings(), weight = ValueSyntax.number(0...Self.most), share = ValueSyntax.number(0...1)
        table.group(Self.group)
        policy = table.option(
            "policy", .word(), default: defaults.policy, help: "How a worker is chosen.",
            details:
                "kv weighs what is cached against load, lmetric multiplies the two, latency weighs them in measured milliseconds; the others "
                + "go by load, turn or chance. direct sends requests only where they are pinned.")
        overlapWeight = table.optional(
            "overlap-weight", weight, help: "The one weight of older routers: sets prefill-load-scale, and at 0 nothing cached counts.",
            details: "It scales against held-block-weight as that is here: 1 changes nothing.")
        overlapCredit = table.option(
            "overlap-credit", weight, default: defaults.overlapCredit, help: "What a cached block on the device is worth, in blocks.")
        creditDecay = table.option(
            "overlap-credit-decay", weight, default: defaults.overlapCreditDecay,
            help: "Shrinks that credit where more prefill waits than at the least loaded; at 1, one request's worth halves it.")
        prefillScale = table.option(
            "prefill-load-scale", weight, default: defaults.prefillLoadScale, help: "Multiplies the prefill term of a cost.",
            details: "At 0 waiting prefill has no price, and who is behind with it gets no new requests.")
        heldBlockWeight = table.option(
            "held-block-weight", weight, default: defaults.heldBlockWeight,
            help: "kv: what a block that requests hold costs, in blocks computed: reading it takes far less than making it.")
        decodeScale = table.option(
            "decode-load-scale", weight, default: defaults.decodeLoadScale, help: "latency: multiplies the decode term of a cost.")
        requestWeight = table.option(
            "active-request-weight", weight, default: defaults.activeRequestWeight,
            help: "What a running request costs beside its blocks, in blocks.")
        hostWeight = table.option(
            "host-cache-weight", share, default: defaults.hostWeight, help: "What a cached block in the host's memory is worth.")
        diskWeight = table.option("disk-cache-weight", share, default: defaults.diskWeight, help: "What a cached block on disk is worth.")
        externalWeight = table.option(
            "external-cache-weight", share, default: defaults.externalWeight, help: "What a cached block in a shared store is worth.")
        temperature = table.option(
            "temperature", weight, default: defaults.temperature,
            help: "0: the cheapest; at 1, a worker that costs one prompt's blocks more is chosen 1/e times as often.")
        assumeReuse = table.flag(
            "assume-reuse", default: defaults.assumeReuse, help: "A request shares the blocks that others hold already.")
        trackPrefill = table.flag(
            "track-prefill", default: defaults.trackPrefill, help: "A request's own prompt counts as prefill to do.")
        trackActiveBlocks = table.flag(
            "track-active-blocks", default: defaults.trackActiveBlocks, help: "Blocks that requests hold count in a cost.")
        transferWeight = table.option(
            "transfer-weight", weight, default: defaults.transferWeight,
            help: "What moving a block to a decode worker costs, as a share of what computing it does.")
        interferenceWeight = table.option(
            "interference-weight", weight, default: defaults.interferenceWeight,
            help: "What a computed block costs each request on the worker that decodes beside it, as a share of a block.",
            details: "Counts where prefill and decode are on one worker.")
        evictionWeight = table.option(
            "eviction-weight", weight, default: defaults.evictionWeight,
            help: "What a computed block costs where the whole cache was written once more than at the least written, in blocks.",
            details: "It pushes out what may be asked for again. At 0 a common beginning draws all that begins with it to one worker.")
        enforceSplit = table.flag(
            "enforce-disagg", default: defaults.enforcesSplit,
            help: "Decode workers serve no whole request while no prefill worker is ready that could hand over to one of them.",
            details: "Such requests are answered no_worker. By default decode workers prefill by themselves then.")
        decisionMemory = table.option(
            "decision-memory", .bytes(0...(1 << 30)), default: RouterConfig().decisionBytes,
            help: "Memory for the records of the last decisions; 0: none is kept.")
    }

    func apply(_ resolved: ResolvedConfiguration, to config: inout RouterConfig) {
        var settings = SelectionSettings()
        settings.policy = resolved[policy]
        settings.overlapCredit = resolved[overlapCredit]
        settings.overlapCreditDecay = resolved[creditDecay]
        settings.prefillLoadScale = resolved[prefillScale]
        settings.heldBlockWeight = resolved[heldBlockWeight]
        settings.decodeLoadScale = resolved[decodeScale]
        settings.activeRequestWeight = resolved[requestWeight]
        settings.hostWeight = resolved[hostWeight]
        settings.diskWeight = resolved[diskWeight]
        settings.externalWeight = resolved[externalWeight]
        settings.temperature = resolved[temperature]
        settings.assumeReuse = resolved[assumeReuse]
        settings.trackPrefill = resolved[trackPrefill]
        settings.trackActiveBlocks = resolved[trackActiveBlocks]
        settings.transferWeight = resolved[transferWeight]
        settings.interferenceWeight = resolved[interferenceWeight]
        settings.evictionWeight = resolved[evictionWeight]
        settings.enforcesSplit = resolved[enforceSplit]
        if let weight = resolved[overlapWeight] { settings.weigh(overlap: weight) }
        config.selection = settings
        config.decisionBytes = resolved[decisionMemory]
    }
}
