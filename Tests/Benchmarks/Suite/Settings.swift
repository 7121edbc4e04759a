/// What the command line asked for.
struct Settings {
    static let usage = "usage: benchmarks [--json] [--quick] [--instructions] [--thresholds DIR] [--trace FILE] [CASE…]"

    /// Nothing chosen means all.
    private(set) var cases: [String] = []
    private(set) var isJSON = false
    /// Short windows and one turn: whether it works, not how fast it is.
    private(set) var isQuick = false
    /// Also counts instructions, under valgrind.
    private(set) var countsInstructions = false
    /// A trace whose requests the index replays; none: one made up.
    private(set) var trace: String?
    private(set) var thresholds = "Tests/Benchmarks/Thresholds"

    init(_ arguments: [String], cases known: [String]) throws(BenchmarkFailure) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--json": isJSON = true
            case "--quick": isQuick = true
            case "--instructions": countsInstructions = true
            case "--thresholds":
                guard let directory = rest.popFirst() else { throw BenchmarkFailure("--thresholds needs a folder") }
                thresholds = directory
            case "--trace":
                guard let file = rest.popFirst() else { throw BenchmarkFailure("--trace needs a file") }
                trace = file
            case _ where known.contains(argument): cases.append(argument)
            default: throw BenchmarkFailure("\(argument) is no option and no case (\(known.joined(separator: ", ")))\n\(Self.usage)")
            }
        }
    }

    /// Turns of each side; the median counts.
    var turns: Int { isQuick ? 1 : 3 }
    var windowMilliseconds: Int { isQuick ? 300 : 1_500 }
    var warmUpMilliseconds: Int { isQuick ? 100 : 300 }
    /// Repetitions of a short measurement of which the smallest time counts.
    var repetitions: Int { isQuick ? 20 : 200 }
}
