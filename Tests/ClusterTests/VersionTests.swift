import ClusterHarness
import Testing
import WireProtocol

/// T49: programs of today and of the next two minors in one cluster, in every pair of roles. A later one adds to every message all that may
/// be added, and says and asks what nobody knows; requests, sessions, moves, hand-overs, events and snapshots are as right as ever.
@Suite("Clusters of several versions")
struct VersionTests {
    /// Which version each member of a cluster speaks: nine of these have every pair of versions in every pair of roles.
    struct Cast: Sendable, CustomTestStringConvertible {
        let routers: [ProgramVersion]
        let workers: [ProgramVersion]
        let frontends: [ProgramVersion]

        init(_ number: Int) {
            let first = ProgramVersion.allCases[number / 3], second = ProgramVersion.allCases[number % 3]
            routers = [first, second]
            workers = (0..<3).map(first.later(by:))
            frontends = [first.later(by: Int(second.rawValue)), first.later(by: Int(second.rawValue) + 1)]
        }

        static let all = (0..<9).map(Cast.init)

        var versions: [String: ProgramVersion] {
            var versions: [String: ProgramVersion] = [:]
            for (role, cast) in [("router", routers), ("worker", workers), ("frontend", frontends)] {
                for (index, version) in cast.enumerated() { versions["\(role)-\(index + 1)"] = version }
            }
            return versions
        }

        var testDescription: String { "routers \(routers), workers \(workers), frontends \(frontends)" }

        /// The links that its members have, but for those between two of today, which nobody looks into.
        var links: Set<VersionedLink> {
            Self.links(.control, workers, routers).union(Self.links(.route, frontends, routers)).union(
                Self.links(.data, frontends, workers))
        }

        static func links(_ kind: LinkKind, _ dialers: [ProgramVersion], _ listeners: [ProgramVersion]) -> Set<VersionedLink> {
            var links: Set<VersionedLink> = []
            for dialer in dialers {
                for listener in listeners where dialer != .today || listener != .today {
                    links.insert(VersionedLink(kind: kind, dialer, listener))
                }
            }
            return links
        }
    }

    @Test("T49: the casts have every pair of versions on every kind of link")
    func pairs() {
        let links = Cast.all.reduce(into: Set<VersionedLink>()) { $0.formUnion($1.links) }
        for kind in [LinkKind.control, .route, .data] { #expect(links.count { $0.kind == kind } == 8, "all but today with today") }
        let routers = Set(Cast.all.map { "\($0.routers)" })
        #expect(routers.count == 9)
    }

    @Test(
        "T49: under faults every answer is right and nothing is held at rest, whichever versions meet", arguments: Cast.all)
    func mixed(cast: Cast) {
        var options = SimulationRun.Options()
        options.versions = cast.versions
        options.span = .seconds(6)
        let seed = UInt64(4_900 + 10 * Int(cast.routers[0].rawValue) + Int(cast.routers[1].rawValue))
        let report = SimulationRun.run(seed: seed, options), witness = report.witness
        #expect(report.violations == [], "\(report.line)\n\(report.faults.joined(separator: "\n"))")
        #expect(report.complete > 5, "\(report.line)")
        // Order: each link is looked for by itself.
        let missing = cast.links.filter { !witness.links.contains($0) }
        #expect(missing.isEmpty, "\(missing)")
        #expect(witness.longerMessages > 500 && witness.refusedQuestions > 20, "\(witness.longerMessages), \(witness.refusedQuestions)")
    }

    @Test("T49: state is handed over between prefill and decode workers of all versions")
    func split() {
        var options = SimulationRun.Options()
        // Of an odd seed: in rooms.
        options.shape = .split(seed: 1, prefill: 3, decode: 3)
        options.shape.frontends = 2
        for index in 0..<3 {
            options.versions["worker-\(index + 1)"] = ProgramVersion.allCases[index]
            options.versions["worker-\(index + 4)"] = ProgramVersion.allCases[index]
        }
        options.versions["frontend-2"] = .afterNext
        // No faults but one that nobody notices.
        options.plan = [PlannedFault(at: .seconds(8), for: .seconds(4), .upgrade("frontend-2", .next))]
        let report = SimulationRun.run(seed: 1, options), witness = report.witness
        #expect(report.violations == [], "\(report.line)")
        #expect(report.complete > 20 && report.refused == 0, "\(report.line)")
        let pairs = Set(witness.links.filter { $0.kind == .kv }.map { [min($0.dialer, $0.listener), max($0.dialer, $0.listener)] })
        #expect(pairs.isSuperset(of: [[0, 1], [0, 2], [1, 2], [1, 1], [2, 2]]), "\(pairs)")
        let kinds: Set<MessageKind> = [.roomOpen, .roomReady, .kvChunk, .kvAck, .roomEnd, .roomDone]
        #expect(witness.longerKinds.isSuperset(of: kinds), "\(kinds.subtracting(witness.longerKinds))")
    }

    /// One program after another, routers first, as `deploy/guides/operate.md` has it.
    private func rolling(from old: ProgramVersion, to new: ProgramVersion) -> SimulationRun.Options {
        let names = ["router-1", "router-2", "worker-1", "worker-2", "worker-3", "frontend-1", "frontend-2"]
        var options = SimulationRun.Options()
        for name in names { options.versions[name] = old }
        // An upgrade ends with the drain of a process, which its longest answer holds up.
        options.plan = names.enumerated().map {
            PlannedFault(at: .seconds(1 + 5 * $0.offset), for: .seconds(4), .upgrade($0.element, new))
        }
        return options
    }

    @Test(
        "T49: a rolling upgrade over two minors, and back, costs no request its answer",
        arguments: [(ProgramVersion.today, ProgramVersion.afterNext), (.afterNext, .today)])
    func upgrade(from old: ProgramVersion, to new: ProgramVersion) {
        let report = SimulationRun.run(seed: 49, rolling(from: old, to: new)), witness = report.witness
        #expect(report.violations == [], "\(report.line)")
        #expect(report.refused == 0 && report.complete > 100, "\(report.line)")
        #expect(report.lives == 14, "each member was replaced once: \(report.lives)")
        #expect(witness.unknownQuestions > 100, "\(witness.unknownQuestions)")
        // A link that ends may take the answer with it.
        #expect(witness.refusedQuestions * 10 >= witness.unknownQuestions * 9, "\(witness.refusedQuestions) of \(witness.unknownQuestions)")
    }
}

extension VersionedLink {
    fileprivate init(kind: LinkKind, _ dialer: ProgramVersion, _ listener: ProgramVersion) {
        self.init(kind: kind, dialer: dialer.minor, listener: listener.minor, spoken: min(dialer.minor, listener.minor))
    }
}
