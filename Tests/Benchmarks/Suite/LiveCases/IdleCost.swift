/// What processes cost that have nothing to do: beats, ticks, and whatever else they cannot leave alone.
struct IdleCost: BenchmarkCase {
    let name = "idle"
    /// Of a core, for each process.
    private static let mostPercent = 0.5
    /// What follows a load has ended by then.
    private static let restMilliseconds: Int32 = 1_000

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = try BenchPrompts(folder: settings.model), measuring = LoadMeasuring(settings, prompts)
        let running = try RunningSystem(ApusSystem(settings, model: prompts.model).system())
        _ = try measuring.outcome(of: .answers(users: 64), on: running, turns: 1)
        Measuring.rest(milliseconds: Self.restMilliseconds)
        let uses = running.processUses, began = Measuring.nanoseconds
        let before = uses.now()
        Measuring.rest(milliseconds: settings.isQuick ? 2_000 : 10_000)
        guard let before, let after = uses.now() else { throw running.failure("a process ended while it had nothing to do") }
        let nanoseconds = Double(Measuring.nanoseconds - began)
        // Of several processes with one part, that which costs most.
        var percents: [(part: String, percent: Double)] = []
        for (first, second) in zip(before, after) {
            let percent = Double(second.use.cpuNanoseconds - first.use.cpuNanoseconds) / nanoseconds * 100
            if let place = percents.firstIndex(where: { $0.part == first.part.name }) {
                percents[place].percent = max(percents[place].percent, percent)
            } else {
                percents.append((first.part.name, percent))
            }
        }
        return percents.map { Figure("\($0.part), of a core", $0.percent, "%", .atMost(Self.mostPercent)) }
    }
}
