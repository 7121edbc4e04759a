/// Smallest and largest bound of a histogram and how many bounds there are: what an operator may configure.
package struct BucketRange: Hashable, Sendable {
    package var minimum: Double
    package var maximum: Double
    package var count: Int

    /// Between these the bounds, rounded to two figures, are exact decimal numbers and print as such.
    package static let smallestMinimum = 1e-9
    package static let largestMaximum = 1e18

    package init(from minimum: Double, to maximum: Double, count: Int) {
        self.minimum = minimum
        self.maximum = maximum
        self.count = count
    }

    /// Call it on what comes from configuration: `Buckets.logarithmic` traps on a range that fails here.
    package func validate() throws(BucketRangeError) {
        guard (0...MetricsLimits.bucketsPerHistogram).contains(count) else { throw .count(count, limit: MetricsLimits.bucketsPerHistogram) }
        guard minimum >= Self.smallestMinimum, minimum <= Self.largestMaximum else { throw .minimum(minimum) }
        guard maximum > minimum, maximum <= Self.largestMaximum else { throw .maximum(maximum) }
    }
}

package enum BucketRangeError: Error, Equatable, CustomStringConvertible {
    case minimum(Double)
    case maximum(Double)
    case count(Int, limit: Int)

    package var description: String {
        switch self {
        case .minimum(let value): "minimum: \(value) is not between \(BucketRange.smallestMinimum) and \(BucketRange.largestMaximum)"
        case .maximum(let value): "maximum: \(value) is not above the minimum and at most \(BucketRange.largestMaximum)"
        case .count(let value, let limit): "count: \(value) is not between 0 and \(limit)"
        }
    }
}
