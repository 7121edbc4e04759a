import Telemetry

/// The samples of a process's metrics at one moment, summed over their labels.
struct MetricSums: Sendable {
    private var sums: [Substring: Double] = [:]

    init(_ text: TextExposition) {
        for line in String(decoding: text.bytes, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            guard let name = line.split(whereSeparator: { $0 == "{" || $0 == " " }).first,
                let value = line.split(separator: " ").last.flatMap({ Double($0) })
            else { continue }
            sums[name, default: 0] += value
        }
    }

    func sum(of name: String) -> Double? { sums[name[...]] }

    /// Nought for a family that has no samples.
    subscript(name: String) -> Double { sums[name[...]] ?? 0 }
}
