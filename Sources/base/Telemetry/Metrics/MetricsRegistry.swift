import Concurrency

/// The metrics of one process: made in `main`, passed in, never global.
///
/// A value that refers to one shared table: `adding(_:)` gives a registry that writes to the same scrape with more constant labels.
/// Registering a name again with the same kind, help, labels and buckets returns what is there, so that several loops of one process
/// share their metrics. Anything else under a name that is taken is our mistake and traps.
package struct MetricsRegistry: Sendable {
    private let families: Lock<[String: any AnyMetricFamily]>
    private let constantLabels: [MetricLabel]
    private let droppedSeries: CounterFamily
    /// The first word of the families that dashboards know from elsewhere; our own begin with `apus_`.
    package let namespace: String

    /// - Parameter namespace: passes `MetricName.namespaceProblem`.
    package init(constantLabels: [MetricLabel] = [], namespace: String = MetricName.defaultNamespace) {
        precondition(MetricName.namespaceProblem(namespace) == nil, "\(namespace) cannot begin a metric's name")
        self.namespace = namespace
        let header = FamilyHeader(
            name: "apus_metric_series_dropped_total", help: "Requests for a metric series refused because the family was full.",
            labelNames: ["family"], constantLabels: constantLabels, kind: .counter)
        // As many series as there are families, and those are written in our sources: no limit.
        droppedSeries = CounterFamily(header: header, shape: NoShape(), seriesLimit: .max, droppedSeries: nil)
        families = Lock([header.name: droppedSeries])
        self.constantLabels = constantLabels
    }

    /// The same scrape, with these labels on everything registered through the returned value.
    package func adding(_ labels: [MetricLabel]) -> MetricsRegistry {
        MetricsRegistry(
            families: families, constantLabels: constantLabels + labels, droppedSeries: droppedSeries, namespace: namespace)
    }

    private init(
        families: Lock<[String: any AnyMetricFamily]>, constantLabels: [MetricLabel], droppedSeries: CounterFamily, namespace: String
    ) {
        self.families = families
        self.constantLabels = constantLabels
        self.droppedSeries = droppedSeries
        self.namespace = namespace
    }

    /// A name under the configured namespace: `frontend_requests_total` becomes `dynamo_frontend_requests_total`.
    package func name(_ rest: String) -> String { "\(namespace)_\(rest)" }

    // MARK: One series, shown with zeros from the start

    package func counter(_ name: String, help: String) -> Counter { family(name, help, [], NoShape(), limit: 1).labels() }

    package func gauge(_ name: String, help: String) -> Gauge { family(name, help, [], NoShape(), limit: 1).labels() }

    package func histogram(_ name: String, help: String, buckets: [Double]) -> Histogram {
        family(name, help, [], Buckets.checked(buckets, for: name), limit: 1).labels()
    }

    // MARK: A series for each set of label values

    package func counterFamily(
        _ name: String, help: String, labels: [String], seriesLimit: Int = MetricsLimits.seriesPerFamily
    ) -> CounterFamily {
        family(name, help, labels, NoShape(), limit: seriesLimit)
    }

    package func gaugeFamily(
        _ name: String, help: String, labels: [String], seriesLimit: Int = MetricsLimits.seriesPerFamily
    ) -> GaugeFamily {
        family(name, help, labels, NoShape(), limit: seriesLimit)
    }

    package func histogramFamily(
        _ name: String, help: String, labels: [String], buckets: [Double], seriesLimit: Int = MetricsLimits.seriesPerFamily
    ) -> HistogramFamily {
        family(name, help, labels, Buckets.checked(buckets, for: name), limit: seriesLimit)
    }

    /// All families sorted by name.
    var sortedFamilies: [any AnyMetricFamily] {
        families.with { Array($0.values) }.sorted { $0.header.name < $1.header.name }
    }

    /// What is registered, with or without series, sorted by name: for tables that must agree with it.
    package var catalogue: [MetricCatalogueEntry] { sortedFamilies.map(MetricCatalogueEntry.init) }

    private func family<Handle: Metric>(
        _ name: String, _ help: String, _ labels: [String], _ shape: Handle.Shape, limit: Int
    ) -> MetricFamily<Handle> {
        let header = FamilyHeader(name: name, help: help, labelNames: labels, constantLabels: constantLabels, kind: Handle.kind)
        return families.with { families in
            if let known = families[name] {
                guard let same = known as? MetricFamily<Handle>, same.header == header, same.shape == shape else {
                    preconditionFailure("metric \(name) is registered twice with different shapes")
                }
                return same
            }
            Self.checkSampleNames(of: name, kind: Handle.kind, among: families)
            let made = MetricFamily<Handle>(header: header, shape: shape, seriesLimit: limit, droppedSeries: droppedSeries)
            families[name] = made
            return made
        }
    }

    /// A histogram also owns `_bucket`, `_sum` and `_count`: two families must not print the same sample name.
    private static func checkSampleNames(of name: String, kind: MetricKind, among families: [String: any AnyMetricFamily]) {
        for suffix in ["_bucket", "_sum", "_count"] {
            if kind == .histogram { precondition(families[name + suffix] == nil, "histogram \(name) and metric \(name)\(suffix) clash") }
            if name.hasSuffix(suffix) {
                let base = families[String(name.dropLast(suffix.count))]
                precondition(!(base is HistogramFamily), "metric \(name) clashes with a histogram")
            }
        }
    }
}
