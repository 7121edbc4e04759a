/// What the command line asked for.
struct Settings {
    static let usage =
        "usage: benchmarks [--json] [--quick] [--instructions] [--thresholds DIR] [--trace FILE]\n"
        + "       [--binaries DIR] [--model DIR] [--peers DIR] [--oracles PYTHON] [CASE… | peers [SYSTEM…]]"

    /// Nothing chosen means all.
    private(set) var cases: [String] = []
    private(set) var isJSON = false
    /// Short windows and one turn: whether it works, not how fast it is.
    private(set) var isQuick = false
    /// Counts instructions, under valgrind, and nothing else: neither is of use beside the other.
    private(set) var countsInstructions = false
    /// A trace whose requests the index replays and simulated fleets are offered; nil: Mooncake's.
    private(set) var trace: String?
    /// Where the programs lie that are put under load; nil: beside this one.
    private(set) var binaries: String?
    /// The model whose tokens live cases speak, as `Peers/model.py` makes it; nil: bytes.
    private(set) var model: String?
    /// The Python that has other tokenizers, as `deploy/dev/oracles` installs them; where there is none, Apus is measured alone.
    private(set) var oracles = ".oracles/venv/bin/python"
    /// Environments of the systems that Apus is held beside.
    private(set) var peers = ".peers"
    /// Of the case peers: those that run; empty: all.
    private(set) var systems: [String] = []
    private(set) var thresholds = "Tests/Benchmarks/Thresholds"

    /// - Parameter systems: words that may follow the case peers, and are no cases.
    init(_ arguments: [String], cases known: [String], systems: [String]) throws(BenchmarkFailure) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--json": isJSON = true
            case "--quick": isQuick = true
            case "--instructions": countsInstructions = true
            case "--thresholds": thresholds = try Self.value(of: argument, &rest)
            case "--trace": trace = try Self.value(of: argument, &rest)
            case "--binaries": binaries = try Self.value(of: argument, &rest)
            case "--model": model = try Self.value(of: argument, &rest)
            case "--oracles": oracles = try Self.value(of: argument, &rest)
            case "--peers": peers = try Self.value(of: argument, &rest)
            case _ where cases == [PeerComparison.name] && systems.contains(argument): self.systems.append(argument)
            case _ where known.contains(argument): cases.append(argument)
            default: throw BenchmarkFailure("\(argument) is no option and no case (\(known.joined(separator: ", ")))\n\(Self.usage)")
            }
        }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(BenchmarkFailure) -> String {
        guard let value = rest.popFirst() else { throw BenchmarkFailure("\(option) needs a value\n\(usage)") }
        return value
    }

    /// Turns of each side; the median counts.
    var turns: Int { isQuick ? 1 : 3 }
    var windowMilliseconds: Int { isQuick ? 300 : 1_500 }
    var warmUpMilliseconds: Int { isQuick ? 100 : 300 }
    /// Repetitions of a short measurement of which the smallest time counts.
    var repetitions: Int { isQuick ? 20 : 200 }
}
