import Engines
import ServiceRuntime

/// The options that make an engine fail on purpose.
struct EngineFaultOptions: Sendable {
    private let seed: OptionKey<Int>
    private let refuse: OptionKey<Double>
    private let refuseFor: OptionKey<Duration?>
    private let slowStep: OptionKey<EngineFaults.SlowStep?>
    private let stall: OptionKey<EngineFaults.Stall?>
    private let fail: OptionKey<Int?>
    private let crash: OptionKey<Int?>
    private let wrongHashes: OptionKey<Double>
    private let silentClear: OptionKey<Int?>
    private let damageExports: OptionKey<Double>
    private let refuseStores: OptionKey<Double>

    init(in table: inout OptionTable) {
        table.group("Faults")
        seed = table.option("fault-seed", .integer(0...Int.max), default: 0, help: "What the faults of the engine are drawn from.")
        refuse = table.option("fault-refuse", .number(0...1), default: 0, help: "Share of the requests that the engine has no room for.")
        refuseFor = table.optional(
            "fault-refuse-for", .duration(.milliseconds(1)...(.seconds(86_400))),
            help: "It refuses them only so long after the first request; by default always.")
        slowStep = table.optional(
            "fault-slow-step", .slowStep, help: "Share of the steps that take longer, by a factor or by a time: 0.01x5, 0.01+50ms.")
        stall = table.optional("fault-stall", .stall, help: "A step that takes longer by so much, once: 1000+2s.")
        fail = table.optional("fault-fail-at-token", .integer(1...Int.max), help: "The engine fails at this output token.")
        crash = table.optional(
            "fault-crash-at-token", .integer(1...Int.max), help: "The process ends at this output token, as if it had been killed.")
        wrongHashes = table.option(
            "fault-wrong-hashes", .number(0...1), default: 0, help: "Share of the cache's blocks that are told under a wrong hash.")
        silentClear = table.optional(
            "fault-silent-clear", .integer(1...Int.max), help: "After every so many steps the cache is empty, and nobody is told.")
        damageExports = table.option(
            "fault-damage-exports", .number(0...1), default: 0, help: "Share of the exported parts of KV state with a wrong byte.")
        refuseStores = table.option(
            "fault-refuse-stores", .number(0...1), default: 0, help: "Share of the parts of KV state that the engine fails to store.")
    }

    func faults(_ resolved: ResolvedConfiguration) -> EngineFaults {
        var faults = EngineFaults()
        faults.seed = UInt64(resolved[seed])
        faults.refusals = resolved[refuse]
        faults.refusesFor = resolved[refuseFor]
        faults.slowStep = resolved[slowStep]
        faults.stall = resolved[stall]
        faults.failsAtToken = resolved[fail].map { UInt64($0) }
        faults.crashesAtToken = resolved[crash].map { UInt64($0) }
        faults.wrongHashes = resolved[wrongHashes]
        faults.clearsSilentlyEvery = resolved[silentClear].map { UInt64($0) }
        faults.damagedExports = resolved[damageExports]
        faults.refusedStores = resolved[refuseStores]
        return faults
    }
}

extension ValueSyntax<EngineFaults.SlowStep> {
    fileprivate static var slowStep: ValueSyntax<EngineFaults.SlowStep> {
        ValueSyntax(placeholder: "SHARExFACTOR") { raw, _ throws(ValueProblem) in
            let wrong = ValueProblem(
                "it does not say how many steps are slow and how slow",
                remedy: "write a share and a factor, 1 to 10000, or a time of at most an hour: 0.01x5, 0.01+50ms")
            guard case .text(let text) = raw, let sign = text.firstIndex(where: { $0 == "x" || $0 == "+" }) else { throw wrong }
            let share = text[..<sign].asDecimal, rest = text[text.index(after: sign)...]
            guard let share, (0...1).contains(share) else { throw wrong }
            if text[sign] == "x" {
                guard let factor = rest.asDecimal, (1...10_000).contains(factor) else { throw wrong }
                return EngineFaults.SlowStep(share: share, .factor(factor))
            }
            let span = try DurationText.parse(String(rest))
            guard span <= .seconds(3_600) else { throw wrong }
            return EngineFaults.SlowStep(share: share, .longer(span))
        } show: { slow in
            switch slow.slowness {
            case .factor(let factor): .text("\(slow.share)x\(factor)")
            case .longer(let span): .text("\(slow.share)+\(DurationText.text(span))")
            }
        }
    }
}

extension ValueSyntax<EngineFaults.Stall> {
    fileprivate static var stall: ValueSyntax<EngineFaults.Stall> {
        ValueSyntax(placeholder: "STEP+DURATION") { raw, _ throws(ValueProblem) in
            let wrong = ValueProblem(
                "it does not say which step takes how much longer", remedy: "write a step's number and a time of at most an hour: 1000+2s")
            guard case .text(let text) = raw, let sign = text.firstIndex(of: "+") else { throw wrong }
            guard let step = UInt64(text[..<sign]), step > 0 else { throw wrong }
            let span = try DurationText.parse(String(text[text.index(after: sign)...]))
            guard span <= .seconds(3_600) else { throw wrong }
            return EngineFaults.Stall(step: step, duration: span)
        } show: {
            .text("\($0.step)+\(DurationText.text($0.duration))")
        }
    }
}

extension Substring {
    /// Digits and a point, no sign, no exponent, no word.
    fileprivate var asDecimal: Double? { utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E } ? Double(self) : nil }
}
