import Telemetry

/// The samples of a process's metrics at one moment: one by one, by name and labels, and by name, summed over their labels.
struct MetricSums: Sendable {
    private var sums: [Substring: Double] = [:]

    init(_ text: TextExposition) {
        for line in String(decoding: text.bytes, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
            let sample = line[..<space], name = sample.prefix { $0 != "{" }
            sums[name, default: 0] += value
            if name.endIndex != sample.endIndex { sums[sample] = value }
        }
    }

    func sum(of name: String) -> Double? { sums[name[...]] }

    /// Nought for a family that has no samples.
    subscript(name: String) -> Double { sums[name[...]] ?? 0 }
}
