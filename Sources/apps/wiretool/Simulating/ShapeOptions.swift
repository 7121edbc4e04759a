import ClusterHarness
import ClusterModel

/// The shape of simulated clusters as it was asked for; where nothing was, it follows from the seed.
struct ShapeOptions {
    var span: Duration?
    var users: Int?
    var routers: Int?
    var workers: Int?
    var prefill: Int?
    var decode: Int?
    var frontends: Int?
    /// Programs of later minors among them.
    var hasVersions = false

    private var numbers: [(String, Int?)] {
        [
            ("users", users), ("routers", routers), ("workers", workers), ("prefill", prefill), ("decode", decode),
            ("frontends", frontends),
        ]
    }

    private var isDrawn: Bool { span == nil && numbers.allSatisfy { $0.1 == nil } }

    /// As they stand on a command line, each behind a space.
    var words: String {
        numbers.compactMap { name, number in number.map { " --\(name) \($0)" } }.joined()
            + (span.map { " --span \($0.inMilliseconds)ms" } ?? "") + (hasVersions ? " --versions" : "")
    }

    func options(seed: UInt64) -> SimulationRun.Options {
        var options = shaped(seed: seed)
        if hasVersions { options.drawVersions(seed: seed) }
        return options
    }

    private func shaped(seed: UInt64) -> SimulationRun.Options {
        guard !isDrawn else { return .drawn }
        let defaults = SimulationRun.Options(), prefill = prefill ?? 0, decode = decode ?? 0, isSplit = prefill + decode > 0
        var options = defaults
        if let span { options.span = span }
        if let users { options.users = users }
        if isSplit { options.shape = .split(seed: seed, prefill: prefill, decode: decode) }
        let whole = workers ?? (isSplit ? 0 : defaults.shape.workers.count)
        options.shape.workers = Array(repeating: .aggregated, count: whole) + (isSplit ? options.shape.workers : [])
        options.shape.routers = routers ?? defaults.shape.routers
        options.shape.frontends = frontends ?? defaults.shape.frontends
        return options
    }
}
