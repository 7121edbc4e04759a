import Telemetry
import Testing

@Suite("The first word of known families is an operator's to choose")
struct NamespaceTests {
    @Test(
        "words that a metric's name can begin with are taken",
        arguments: ["dynamo", "acme", "a", "_x", "A1_b2", String(repeating: "n", count: 64)])
    func taken(_ text: String) {
        #expect(MetricName.namespaceProblem(text) == nil)
        #expect(MetricName.isValid(MetricsRegistry(namespace: text).name("frontend_requests_total")))
    }

    @Test(
        "others are refused, and so is ours",
        arguments: ["", "1a", "a-b", "a b", "a:b", "é", "__a", "apus", String(repeating: "n", count: 65)])
    func refused(_ text: String) {
        #expect(MetricName.namespaceProblem(text) != nil)
    }

    @Test("a registry with more labels has the same namespace, and dynamo is what nobody has to say")
    func adding() {
        #expect(MetricsRegistry().name("x") == "dynamo_x")
        #expect(MetricsRegistry(namespace: "acme").adding([MetricLabel("a", "b")]).name("x") == "acme_x")
    }

    @Test("the catalogue has every family, also those without a series, with what a reader must know of it")
    func catalogue() {
        let registry = MetricsRegistry()
        _ = registry.adding([MetricLabel("c", "d")]).histogramFamily("b_seconds", help: "Help.", labels: ["a"], buckets: [1, 2])
        _ = registry.counter("a_total", help: "Other help.")
        let entries = registry.catalogue
        #expect(entries.map(\.name) == ["a_total", "apus_metric_series_dropped_total", "b_seconds"])
        #expect(entries.map(\.kind) == [.counter, .counter, .histogram])
        #expect(entries[2].labelNames == ["a"] && entries[2].constantLabels.map(\.name) == ["c"] && entries[2].buckets == [1, 2])
        #expect(entries[0].help == "Other help." && entries[0].buckets.isEmpty)
    }
}
