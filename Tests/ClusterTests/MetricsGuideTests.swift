import ClusterHarness
import Telemetry
import TestSupport
import Testing

@Suite("The guide to metrics")
struct MetricsGuideTests {
    /// Made by the program around the services; a test with real processes looks at them.
    private static func isOfTheProgram(_ row: String) -> Bool {
        ["apus_admin_", "apus_trace_", "apus_tls_", "process_"].contains { row.hasPrefix("| `\($0)") }
    }

    /// Other tables have names in their first cells too, but no kinds in the second.
    private static func isOfAFamily(_ row: String) -> Bool {
        let cells = row.split(separator: "|")
        return row.hasPrefix("| `") && cells.count > 1 && [" counter ", " gauge ", " histogram "].contains(cells[1])
    }

    /// A family as the guide's table has it: name, kind, labels, and its help text.
    private static func row(_ family: MetricCatalogueEntry) -> String {
        let labels = (family.labelNames + family.constantLabels.map(\.name)).sorted().joined(separator: ", ")
        return "| `\(family.name)` | \(family.kind.rawValue) | \(labels.isEmpty ? "-" : labels) | \(family.help) |"
    }

    @Test("the table has a row for every family of the three processes, in their words, and no other")
    func table() throws {
        let cluster = VirtualCluster(seed: 1)
        defer { cluster.end() }
        try cluster.add(ClusterShape())
        try cluster.untilReady()
        let expected = Set(cluster.members.flatMap { $0.process.metricCatalogue.map(Self.row) })
        let bytes = try GoldenVectors.contents("\(GoldenVectors.root)/deploy/guides/metrics.md")
        let rows = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter {
            Self.isOfAFamily($0) && !Self.isOfTheProgram($0)
        }
        #expect(Set(rows).count == rows.count, "no row stands twice")
        let missing = expected.subtracting(rows).sorted(), strange = Set(rows).subtracting(expected).sorted()
        #expect(missing.isEmpty, "to be written into the guide:\n\(missing.joined(separator: "\n"))")
        #expect(strange.isEmpty, "no family of ours:\n\(strange.joined(separator: "\n"))")
    }
}
