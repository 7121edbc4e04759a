/// A scrape in the Prometheus text format 0.0.4, written into one buffer that may be used again.
package struct TextExposition: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Everything in the registry: families by name, series by label values, a family without series not at all.
    package static func render(_ registry: MetricsRegistry) -> [UInt8] {
        var text = TextExposition()
        text.append(registry)
        return text.bytes
    }

    package mutating func append(_ registry: MetricsRegistry) {
        for family in registry.sortedFamilies { family.write(into: &self) }
    }

    /// Empties the buffer and keeps its memory for the next scrape.
    package mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    // MARK: Lines

    mutating func family(_ header: FamilyHeader, kind: MetricKind) {
        bytes.append(contentsOf: "# HELP \(header.name) ".utf8)
        for byte in header.help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(contentsOf: "\n# TYPE \(header.name) \(kind.rawValue)\n".utf8)
    }

    mutating func sample(_ series: SeriesText, suffix: String = "", bound: Double? = nil, count: UInt64) {
        startSample(series, suffix, bound)
        NumberText.append(count, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func sample(_ series: SeriesText, suffix: String = "", value: Double) {
        startSample(series, suffix, nil)
        NumberText.append(value, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// `le` comes last, after the sorted labels, as every client library prints it.
    private mutating func startSample(_ series: SeriesText, _ suffix: String, _ bound: Double?) {
        bytes.append(contentsOf: series.name.utf8)
        bytes.append(contentsOf: suffix.utf8)
        if bound != nil || !series.labels.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: series.labels)
            if let bound {
                bytes.append(contentsOf: (series.labels.isEmpty ? "le=\"" : ",le=\"").utf8)
                NumberText.append(bound, to: &bytes)
                bytes.append(UInt8(ascii: "\""))
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    static func appendLabel(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: "=\"".utf8)
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
