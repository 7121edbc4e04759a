/// What a registry can hold: a counter, a gauge or a histogram. The conforming object *is* the handle that code keeps.
package protocol Metric: AnyObject, Sendable {
    /// What two registrations of one name must agree on beyond name and labels.
    associatedtype Shape: Hashable & Sendable

    static var kind: MetricKind { get }

    init(shape: Shape)

    func write(_ series: SeriesText, into text: inout TextExposition)
}

/// The shape of metrics that have none.
package struct NoShape: Hashable, Sendable {
    package init() {}
}

package enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// A label with its value.
package struct MetricLabel: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Name and label text of one series as they stand in the exposition.
package struct SeriesText: Sendable {
    let name: String
    /// `a="b",c="d"`, escaped, without braces; empty without labels.
    let labels: [UInt8]
}

package enum MetricsLimits {
    /// Series of one family. A scrape of a full histogram family then stays near 2 MB; a label that grows without end is a fault, not data.
    package static let seriesPerFamily = 1_000
    /// Bounds of one histogram, the cap on ranges that come from configuration.
    package static let bucketsPerHistogram = 512
}
