/// Samples of a server's metrics, as Prometheus reads them: those of some names, and nothing else is kept.
package struct MetricsText: Sendable {
    package struct Sample: Hashable, Sendable {
        package let name: String
        package let labels: [String: String]
        package let value: Double
    }

    /// Of all wanted names: some for each rank of the largest server.
    static let mostSamples = 16_384

    package let samples: [Sample]

    /// Lines that are no samples are passed over: a server may have what we do not know.
    package init(_ text: [UInt8], names: Set<String>) {
        var samples: [Sample] = [], rest = text[...]
        // A line at a time: a list of all of them would be larger than a text that is nothing but line breaks.
        while samples.count < Self.mostSamples, !rest.isEmpty {
            let line = rest.prefix { $0 != 0x0A && $0 != 0x0D }
            rest = rest[line.endIndex...].dropFirst()
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            let end = line.firstIndex { $0 == UInt8(ascii: "{") || $0 == 0x20 } ?? line.endIndex
            let name = String(decoding: line[..<end], as: UTF8.self)
            guard names.contains(name), let sample = Self.sample(name, line[end...]) else { continue }
            samples.append(sample)
        }
        self.samples = samples
    }

    package func named(_ name: String) -> [Sample] { samples.filter { $0.name == name } }

    private static func sample(_ name: String, _ rest: ArraySlice<UInt8>) -> Sample? {
        var rest = rest, labels: [String: String] = [:]
        if rest.first == UInt8(ascii: "{") {
            rest = rest.dropFirst()
            while let byte = rest.first, byte != UInt8(ascii: "}") {
                guard let (label, value) = pair(&rest) else { return nil }
                labels[label] = value
            }
            guard rest.first == UInt8(ascii: "}") else { return nil }
            rest = rest.dropFirst()
        }
        // A time stamp may follow.
        let words = rest.split(separator: 0x20)
        guard let word = words.first, let value = Double(String(decoding: word, as: UTF8.self)) else { return nil }
        return Sample(name: name, labels: labels, value: value)
    }

    /// `name="value"` and the comma behind it.
    private static func pair(_ rest: inout ArraySlice<UInt8>) -> (String, String)? {
        guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = String(decoding: rest[..<equals].filter { $0 != 0x20 }, as: UTF8.self)
        rest = rest[(equals + 1)...]
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        rest = rest.dropFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                if rest.first == UInt8(ascii: ",") { rest = rest.dropFirst() }
                return (name, String(decoding: value, as: UTF8.self))
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped == UInt8(ascii: "n") ? 0x0A : escaped)
            default: value.append(byte)
            }
        }
        return nil
    }
}
