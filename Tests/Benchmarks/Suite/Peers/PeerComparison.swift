/// Apus and other systems under the same loads, one after the other and again, so that what the machine does meanwhile strikes all alike.
struct PeerComparison: BenchmarkCase {
    static let name = "peers"
    var name: String { Self.name }
    static let ours = "apus"
    private static let fewestTurns = 2
    private static let loads: [LiveLoad] = [
        .answers(users: 64), .answers(users: 256), .streams(users: 64), .streams(users: 256), .longPrompts(users: 16),
        .longPrompts(users: 64), .single(streams: false), .single(streams: true),
    ]

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        guard let model = settings.model else { throw BenchmarkFailure("the case peers needs --model: tokens are what they share") }
        let prompts = try BenchPrompts(folder: model), measuring = LoadMeasuring(settings, prompts)
        let systems = PeerSystems(settings: settings, model: model)
        let names = PeerSystems.names.filter { settings.systems.isEmpty || settings.systems.contains($0) }
        var results = PeerResults(systems: names, loads: Self.loads.map(\.name))
        let tell = settings.isJSON ? Console.warn : Console.write
        for turn in 0..<max(Self.fewestTurns, settings.turns) {
            for name in names {
                guard let system = try systems.system(name) else { continue }
                if turn == 0 { tell("\(name):\n" + system.programs.map { "  \($0.commandLine)\n" }.joined()) }
                Console.warn("peers: turn \(turn + 1), \(name) …\n")
                let running = try RunningSystem(system)
                for load in Self.loads {
                    results.add(try measuring.outcome(of: load, on: running, turns: 1), of: load.name, system: name)
                }
                running.end()
            }
        }
        if !settings.isJSON { Console.write(results.tables()) }
        return results.budgets() + (settings.isJSON ? results.figures() : [])
    }
}
