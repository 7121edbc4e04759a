import CTwins
import Glibc

/// Measures what the budgets name, beside the same loops in C where the comparison is the budget.
///
/// Times are printed and never fail a run: the machine is shared. Allocations and instructions are exact, and one over its threshold ends
/// the run with status 1.
@main
enum Benchmarks {
    static let cases: [any BenchmarkCase] = [
        LinkFrames(), FrameDecode(), LoopResume(), Timers(), Tokenizing(), IndexReplay(), Decisions(), RoutingQuality(), KVTransfer(),
        HTTPRequests(), EventStreams(), PacedEvents(),
        LiveLoads.answers, LiveLoads.streams, LiveLoads.longPrompts, LongTokens(), PacedStreams(), SingleUser(), MemoryUse(), IdleCost(),
        StartTime(),
    ]
    /// Only by name: what others have made must be installed for it.
    static let comparison = PeerComparison()

    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "--role" {
            arguments.removeFirst()
            return runRole(arguments)
        }
        do throws(BenchmarkFailure) {
            let known: [any BenchmarkCase] = cases + [comparison]
            let settings = try Settings(arguments, cases: known.map(\.name), systems: PeerSystems.names)
            let chosen = settings.cases.isEmpty ? cases : known.filter { settings.cases.contains($0.name) }
            OpenFiles.raise()
            var report = Report()
            for benchmark in chosen {
                Console.warn("\(benchmark.name) …\n")
                let figures = settings.countsInstructions ? try benchmark.instructions(settings) : try benchmark.run(settings)
                report.add(figures, of: benchmark.name)
            }
            let excess = try Thresholds(directory: settings.thresholds).excess(in: report)
            Console.write(settings.isJSON ? report.json() : report.rows.isEmpty ? "" : report.table())
            for line in excess { Console.warn("over its threshold: \(line)\n") }
            exit(excess.isEmpty ? 0 : 1)
        } catch {
            Console.warn("benchmarks: \(error.description)\n")
            exit(2)
        }
    }

    /// The parts that need a process of their own are this program again. `fork` alone would not do: nng has threads.
    private static func runRole(_ arguments: [String]) {
        ctwins_end_with_parent()
        guard let role = arguments.first else { exit(2) }
        do throws(BenchmarkFailure) { try run(role, arguments.dropFirst().compactMap { Int($0) }) } catch {
            Console.warn("\(role): \(error.description)\n")
            exit(1)
        }
    }

    private static func run(_ role: String, _ numbers: [Int]) throws(BenchmarkFailure) {
        switch (role, numbers.count) {
        case ("receiver", 2): LinkReceiver.run(warmUpMilliseconds: numbers[0], windowMilliseconds: numbers[1])
        case ("sender", 2): LinkSender.run(port: UInt16(clamping: numbers[0]), frames: numbers[1])
        case ("c-receiver", 2): CRoles.receive(warmUpMilliseconds: numbers[0], windowMilliseconds: numbers[1])
        case ("c-sender", 2): CRoles.send(port: numbers[0], frames: numbers[1])
        case ("transfer-worker", 2): TransferWorker.run(id: UInt64(clamping: numbers[0]), codec: numbers[1])
        case ("copy-receiver", 2): CRoles.receiveCopy(warmUpMilliseconds: numbers[0], windowMilliseconds: numbers[1])
        case ("copy-sender", 1): CRoles.sendCopy(port: numbers[0])
        case ("decode", 2): FrameDecode.decodeForCallgrind(rounds: numbers[0], inC: numbers[1] == 1)
        case ("index-replay", 0): try TraceReplay.replayForCallgrind()
        case ("decide", 2): try DecisionFleet.runForCallgrind(placements: numbers[0], tokens: UInt32(clamping: numbers[1]))
        case ("http-server", HTTPPlan.numberCount): HTTPServerRole.run(HTTPPlan(numbers: numbers))
        case ("c-http-server", HTTPPlan.numberCount): HTTPTwin.serve(HTTPPlan(numbers: numbers))
        case ("http-load", 2): HTTPTwin.load(port: numbers[0], connections: numbers[1])
        default: exit(2)
        }
    }
}

/// One case of the suite.
protocol BenchmarkCase: Sendable {
    var name: String { get }
    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure]
    /// What callgrind counts of it; nothing where a machine decides what is run.
    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure]
}

extension BenchmarkCase {
    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] { [] }
}

/// Why the suite could not measure.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Console {
    /// To standard output, at once: the parent of a role waits for the line.
    static func write(_ text: String) { put(text, 1) }
    static func warn(_ text: String) { put(text, 2) }

    private static func put(_ text: String, _ descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
