import Engines
import FleetSimulation
import LoadGeneration
import Scheduling
import ServiceRuntime

/// What `simulate` and `compare` share: the load, the fleet, what goes wrong, and what a good request is.
struct FleetCommandOptions {
    private let trace: OptionKey<String?>
    private let record: OptionKey<String?>
    private let requests: OptionKey<Int?>
    private let timeScale: OptionKey<Double>
    private let spread: OptionKey<Bool>
    private let rate: OptionKey<Double?>
    private let prompts: PromptOptions
    private let workers: OptionKey<Int>
    private let prefill: OptionKey<Int>
    private let decode: OptionKey<Int>
    private let ranks: OptionKey<Int>
    private let blocks: OptionKey<Int>
    private let blockSize: OptionKey<Int>
    private let sequences: OptionKey<Int>
    private let batchedTokens: OptionKey<Int>
    private let speedup: OptionKey<Double>
    private let stateBytes: OptionKey<Int>
    private let stateRate: OptionKey<Double>
    private let routers: OptionKey<Int>
    private let routerChoice: OptionKey<RouterRule>
    private let syncDelay: OptionKey<Duration>
    private let syncLoss: OptionKey<Double>
    private let busyBatches: OptionKey<Double?>
    private let queueEntries: OptionKey<Int>
    private let queueBatches: OptionKey<Int>
    private let queueTime: OptionKey<Duration>
    private let queuePolicy: OptionKey<QueuePolicy>
    private let firstToken: OptionKey<Duration>
    private let knobs: [(key: OptionKey<Double?>, path: WritableKeyPath<SelectionSettings, Double>)]
    private let faults: OptionKey<[String]>
    private let expecting: OptionKey<Double>
    private let goodFirstToken: OptionKey<Duration>
    private let goodPerToken: OptionKey<Duration>
    private let seed: OptionKey<Int>

    /// More would be days of simulation.
    private static let mostRequests = 10_000_000

    init(in table: inout OptionTable) {
        let defaults = FleetOptions(), queue = QueueSettings()
        table.group("Load")
        trace = table.optional(
            "trace", .path("FILE"), help: "Mooncake's, Azure's, BurstGPT's or Qwen's columns, packed by zstd or not.")
        record = table.optional("from", .path("FILE"), help: "What wiretool record wrote of a live cluster; its fleet is simulated, too.")
        requests = table.optional("requests", .integer(1...Self.mostRequests), help: "Only the first so many.")
        timeScale = table.option(
            "time-scale", .number(0.000_1...1_000), default: 1, help: "2 takes twice the trace's time, 0.5 half of it.")
        spread = table.flag(
            "spread", default: true, help: "Requests of one stamp are spread up to the next stamp; otherwise they come at once.")
        rate = table.optional("rate", .number(0.001...1_000_000), help: "Without a trace: requests a second, as chance has it.")
        prompts = PromptOptions(in: &table)
        table.group("Fleet")
        let fleet = ValueSyntax<Int>.integer(0...FleetLimits.workers)
        workers = table.option("workers", fleet, default: defaults.workers, help: "Workers that do all of a request.")
        prefill = table.option("prefill", fleet, default: 0, help: "Workers that compute prompts and no answers; with --decode.")
        decode = table.option("decode", fleet, default: 0, help: "Workers that go on from there; --workers is then 0 unless given.")
        ranks = table.option("ranks", .integer(1...64), default: defaults.ranks, help: "Of each worker.")
        blocks = table.option(
            "blocks", .integer(1...100_000_000), default: Int(defaults.room.totalBlocks), help: "Of KV memory, on each rank.")
        blockSize = table.option("block-size", .integer(1...65_536), default: Int(defaults.blockSize), help: "Tokens of a block.")
        sequences = table.option(
            "max-sequences", .integer(1...65_536), default: Int(defaults.room.maxSequences), help: "That run at once on a rank.")
        batchedTokens = table.option(
            "max-batched-tokens", .integer(1...10_000_000), default: Int(defaults.room.maxBatchedTokens), help: "Of one engine step.")
        speedup = table.option(
            "speedup", .number(0.001...1_000_000), default: 1, help: "How much faster than the model of the mock's engine.")
        stateBytes = table.option(
            "state-bytes-per-token", .integer(1...100_000_000), default: Int(defaults.stateBytesPerToken), help: "Of KV state.")
        stateRate = table.option(
            "state-gigabytes-per-second", .number(0.001...100_000), default: defaults.stateBytesPerSecond / 1e9,
            help: "That pass from a prefill to a decode worker.")
        table.group("Routers")
        routers = table.option("routers", .integer(1...FleetLimits.routers), default: 1, help: "Routers.")
        routerChoice = table.option("router-choice", .word(), default: defaults.routerChoice, help: "Which of them a request is sent to.")
        let short = ValueSyntax<Duration>.duration(.zero...(.seconds(600)))
        syncDelay = table.option("sync-delay", short, default: defaults.syncDelay, help: "Until they hear of one another's bookings.")
        syncLoss = table.option("sync-loss", .number(0...1), default: 0, help: "The share of bookings that they never hear of.")
        busyBatches = table.optional(
            "busy-batches", .number(0...1_000_000),
            help: "A rank is behind while more full steps of prefill wait; each policy's own by default.")
        queueEntries = table.option("queue-entries", .integer(0...1_000_000), default: queue.entries, help: "Requests parked at once.")
        queueBatches = table.option(
            "queue-batches", .integer(1...1_000_000), default: queue.batches, help: "Full steps of all ranks that may be parked.")
        queueTime = table.option("queue-time", short, default: queue.longest, help: "How long a request may be parked.")
        queuePolicy = table.option("queue-policy", .word(), default: queue.policy, help: "Which parked request goes first.")
        firstToken = table.option("first-token", short, default: defaults.firstToken, help: "When a request without a token is given up.")
        table.group("Weights of kv, lmetric and latency; those of the policy where they are not given")
        let weight = ValueSyntax<Double>.number(0...1_000_000)
        knobs = [
            (table.optional("overlap-credit", weight, help: "Of a cached block, in blocks."), \.overlapCredit),
            (table.optional("overlap-credit-decay", weight, help: "Shrinks it where more prefill waits."), \.overlapCreditDecay),
            (table.optional("prefill-load-scale", weight, help: "Of the prefill term."), \.prefillLoadScale),
            (table.optional("held-block-weight", weight, help: "Of a held block, in computed ones."), \.heldBlockWeight),
            (table.optional("decode-load-scale", weight, help: "Of the decode term of latency."), \.decodeLoadScale),
            (table.optional("active-request-weight", weight, help: "Of a running request, in held blocks."), \.activeRequestWeight),
            (table.optional("interference-weight", weight, help: "Of a computed block, for each request beside it."), \.interferenceWeight),
            (
                table.optional("eviction-weight", weight, help: "Of a computed block, where the cache is rewritten more often."),
                \.evictionWeight
            ),
            (table.optional("transfer-weight", weight, help: "Of a moved block, in computed ones."), \.transferWeight),
            (table.optional("temperature", weight, help: "0: the cheapest."), \.temperature),
        ]
        table.group("What goes wrong")
        faults = table.list(
            "faults", .text("WHAT:N@TIME[+TIME]") { Self.problem(ofFault: $0) }, count: 0...1_000,
            help: "worker:3@60s+10s kills worker 3 after a minute for ten seconds; router:0@… a router; cleared:1@… the cache of worker 1.")
        expecting = table.option(
            "expecting-share", .number(0...1), default: 0, help: "Of the requests, those that say how long their answer will be.")
        table.group("Judgement")
        goodFirstToken = table.option("goodput-ttft", short, default: .seconds(2), help: "A good request has its first token within this.")
        goodPerToken = table.option(
            "goodput-itl", short, default: .milliseconds(100), help: "Its tokens after the first come within this each, in the mean.")
        seed = table.option("seed", .integer(0...Int.max), default: 1, help: "Of everything that is left to chance.")
        table.check(trace, record, rate) { [trace, record, rate] resolved in
            let given = [resolved[trace] != nil, resolved[record] != nil, resolved[rate] != nil].count { $0 }
            guard given != 1 else { return [] }
            return [
                resolved.issue(
                    trace, problem: given == 0 ? "there is no load" : "there are several loads",
                    remedy: "give one of --trace, --from and --rate")
            ]
        }
        table.check(prefill, decode) { [prefill, decode] resolved in
            guard (resolved[prefill] > 0) != (resolved[decode] > 0) else { return [] }
            return [resolved.issue(prefill, problem: "one half of a split alone", remedy: "give --prefill and --decode together")]
        }
    }

    // MARK: Reading

    func setting(_ resolved: ResolvedConfiguration) throws(RunFailure) -> FleetSetting {
        var options = FleetOptions()
        let isSplit = resolved[prefill] > 0
        options.workers = isSplit && resolved.origin(of: workers) == .default ? 0 : resolved[workers]
        options.prefillWorkers = resolved[prefill]
        options.decodeWorkers = resolved[decode]
        guard options.workers + options.decodeWorkers > 0 else { throw RunFailure("a fleet needs a worker", code: .usage) }
        guard (options.workers + options.prefillWorkers + options.decodeWorkers) * resolved[ranks] <= FleetLimits.placements else {
            throw RunFailure("more than \(FleetLimits.placements) ranks", code: .usage)
        }
        options.ranks = resolved[ranks]
        options.blockSize = UInt32(resolved[blockSize])
        options.room.totalBlocks = UInt32(resolved[blocks])
        options.room.maxSequences = UInt32(resolved[sequences])
        options.room.maxBatchedTokens = UInt32(resolved[batchedTokens])
        options.latency.speedup = resolved[speedup]
        options.stateBytesPerToken = Double(resolved[stateBytes])
        options.stateBytesPerSecond = resolved[stateRate] * 1e9
        options.routers = resolved[routers]
        options.routerChoice = resolved[routerChoice]
        options.syncDelay = resolved[syncDelay]
        options.syncLoss = resolved[syncLoss]
        options.queue.entries = resolved[queueEntries]
        options.queue.batches = resolved[queueBatches]
        options.queue.longest = resolved[queueTime]
        options.queue.policy = resolved[queuePolicy]
        options.firstToken = resolved[firstToken]
        options.expectingShare = resolved[expecting]
        options.faults = resolved[faults].compactMap { try? Self.fault($0) }
        options.limits = GoodputLimits(timeToFirstToken: resolved[goodFirstToken], timePerToken: resolved[goodPerToken])
        options.seed = UInt64(resolved[seed])
        let workload = try load(resolved, &options)
        // Only now: a recording tells of its own fleet.
        for fault in options.faults { try Self.check(fault, of: options) }
        return FleetSetting(
            workload: workload, options: options,
            adjust: { policy in
                for knob in knobs { if let value = resolved[knob.key] { policy.settings[keyPath: knob.path] = value } }
                if let batches = resolved[busyBatches] { policy.settings.thresholds.waitingBatches = batches }
            })
    }

    private func load(_ resolved: ResolvedConfiguration, _ options: inout FleetOptions) throws(RunFailure) -> Workload {
        var workload: Workload
        if let path = resolved[trace] {
            workload = try read(path, resolved)
        } else if let path = resolved[record] {
            workload = try replay(path, resolved, &options)
        } else {
            let rate = resolved[rate] ?? 1
            var source = MixSource(
                prompts.mix(resolved), times: ArrivalTimes(.poisson, rate: rate, seed: options.seed), requests: resolved[requests] ?? 1_000,
                seed: options.seed)
            var requests: [PlannedRequest] = []
            while let item = source.next() { requests.append(item.request) }
            workload = Workload(requests: requests, blockTokens: prompts.mix(resolved).blockTokens, source: source.name)
        }
        guard !workload.requests.isEmpty else { throw RunFailure("there is no request to simulate") }
        return workload
    }

    private func read(_ path: String, _ resolved: ResolvedConfiguration) throws(RunFailure) -> Workload {
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try FileReader.system.read(path, TraceLimits.fileBytes) } catch { throw RunFailure("\(error)") }
        var reading = TraceOptions()
        reading.requests = resolved[requests]
        reading.speed = 1 / resolved[timeScale]
        reading.spreadsStamps = resolved[spread]
        let name = path.split(separator: "/").last.map(String.init) ?? path
        do throws(TraceError) { return try TraceReader(options: reading).read(bytes, name: name) } catch {
            throw RunFailure("--trace \(path): \(error)")
        }
    }

    /// The recorded fleet, as far as it was told: its workers, their roles and their room.
    private func replay(
        _ path: String, _ resolved: ResolvedConfiguration, _ options: inout FleetOptions
    ) throws(RunFailure) -> Workload {
        let record: Record
        do throws(RecordFault) { record = try Record(file: path) } catch { throw RunFailure("--from \(path): \(error)") }
        guard let model = record.busiestModel else { throw RunFailure("--from \(path): there is no request in it") }
        var workload = record.workload(of: model, source: path.split(separator: "/").last.map(String.init) ?? path)
        if let count = resolved[requests], count < workload.requests.count { workload.requests.removeLast(workload.requests.count - count) }
        if resolved[timeScale] != 1 { workload = workload.offered(atSpeed: 1 / resolved[timeScale]) }
        let workers = record.fleet.workers(of: model)
        if resolved.origin(of: self.workers) == .default, resolved[prefill] == 0, !workers.isEmpty {
            options.workers = workers.count { $0.role == .aggregated }
            options.prefillWorkers = workers.count { $0.role == .prefill }
            options.decodeWorkers = workers.count { $0.role == .decode }
        }
        if resolved.origin(of: blockSize) == .default { options.blockSize = max(record.fleet.models[model].blockTokens, 1) }
        if let rank = workers.first?.ranks.first {
            if resolved.origin(of: blocks) == .default, rank.blocks > 0 { options.room.totalBlocks = rank.blocks }
            if resolved.origin(of: sequences) == .default, rank.maxSequences > 0 { options.room.maxSequences = rank.maxSequences }
            if resolved.origin(of: batchedTokens) == .default, rank.maxBatchedTokens > 0 {
                options.room.maxBatchedTokens = rank.maxBatchedTokens
            }
            if resolved.origin(of: ranks) == .default { options.ranks = max(workers[0].ranks.count, 1) }
        }
        return workload
    }

    // MARK: Faults

    private static func check(_ fault: FleetFault, of options: FleetOptions) throws(RunFailure) {
        let (name, number, count) =
            switch fault.kind {
            case .worker(let number), .cleared(let number):
                ("worker", number, options.workers + options.prefillWorkers + options.decodeWorkers)
            case .router(let number): ("router", number, options.routers)
            }
        guard number < count else {
            throw RunFailure("--faults: there is no \(name) \(number); they are counted from 0, and there are \(count)", code: .usage)
        }
    }

    static func problem(ofFault text: String) -> ValueProblem? {
        do throws(ValueProblem) { _ = try fault(text) } catch { return error }
        return nil
    }

    static func fault(_ text: String) throws(ValueProblem) -> FleetFault {
        let remedy = "write WHAT:N@TIME or WHAT:N@TIME+TIME, where WHAT is worker, router or cleared"
        let malformed = ValueProblem("\"\(text)\" is no fault", remedy: remedy)
        guard let colon = text.firstIndex(of: ":"), let at = text.firstIndex(of: "@"), colon < at,
            let number = Int(text[text.index(after: colon)..<at]), number >= 0
        else { throw malformed }
        let times = text[text.index(after: at)...].split(separator: "+", omittingEmptySubsequences: false).map(String.init)
        guard times.count <= 2 else { throw malformed }
        let moment = try DurationText.parse(times[0]), lasting = times.count > 1 ? try DurationText.parse(times[1]) : nil
        switch text[..<colon] {
        case "worker": return FleetFault(.worker(number), at: moment, lasting: lasting)
        case "router": return FleetFault(.router(number), at: moment, lasting: lasting)
        case "cleared": return FleetFault(.cleared(number), at: moment)
        default: throw malformed
        }
    }
}

/// A load and a fleet, and how a policy is adjusted to what was asked for.
struct FleetSetting {
    var workload: Workload
    var options: FleetOptions
    let adjust: (inout FleetPolicy) -> Void

    func options(_ policy: FleetPolicy) -> FleetOptions {
        var options = options
        options.policy = policy
        adjust(&options.policy)
        return options
    }
}
