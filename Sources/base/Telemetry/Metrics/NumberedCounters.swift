import Concurrency

/// The counters of a family with one label, by the numbers of what is counted: for what happens with every request, where making a label's text
/// and looking it up would cost more than all the counting.
///
/// A series shows from its first count on, as it does with `MetricFamily.labels`.
package final class NumberedCounters: Sendable {
    private let family: CounterFamily
    private let name: @Sendable (Int) -> String
    private let known: Lock<[Counter?]>

    /// - Parameters:
    ///   - count: numbers from 0 that are kept; others are looked up each time.
    ///   - name: the label's value.
    package init(_ family: CounterFamily, count: Int, name: @escaping @Sendable (Int) -> String) {
        self.family = family
        self.name = name
        known = Lock(Array(repeating: nil, count: count))
    }

    package func increment(_ number: Int) {
        let counter = known.with { known in known.indices.contains(number) ? known[number] : nil }
        if let counter { return counter.increment() }
        let made = family.labels(name(number))
        known.with { if $0.indices.contains(number) { $0[number] = made } }
        made.increment()
    }
}
