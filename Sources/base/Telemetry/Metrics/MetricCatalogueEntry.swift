/// One family as a reader of scrapes knows it.
package struct MetricCatalogueEntry: Hashable, Sendable {
    package let name: String
    package let kind: MetricKind
    package let help: String
    /// Those that differ between series, as registered.
    package let labelNames: [String]
    package let constantLabels: [MetricLabel]
    /// Upper bounds of a histogram; empty for other kinds.
    package let buckets: [Double]

    init(_ family: any AnyMetricFamily) {
        name = family.header.name
        kind = family.kind
        help = family.header.help
        labelNames = family.header.labelNames
        constantLabels = family.header.constantLabels
        buckets = family.buckets
    }
}
