/// The alphabet of metric and label names.
package enum MetricName {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    package static func isValid(_ name: String) -> Bool { isWord(name, allowingColon: true) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, and not one of the names that begin with two underscores, which Prometheus keeps for itself.
    package static func isValidLabel(_ name: String) -> Bool { isWord(name, allowingColon: false) && !name.hasPrefix("__") }

    /// Dashboards made for NVIDIA Dynamo ask for names that begin with this word.
    package static let defaultNamespace = "dynamo"
    /// A namespace is a word or two; names become unreadable long before.
    package static let namespaceBytes = 64

    /// What is wrong with a configured namespace; nil if nothing is.
    package static func namespaceProblem(_ text: String) -> String? {
        guard isWord(text, allowingColon: false), !text.hasPrefix("__") else { return "it is no part of a metric's name" }
        guard text.utf8.count <= namespaceBytes else { return "it is longer than \(namespaceBytes) characters" }
        return text == "apus" ? "names that begin with it are taken" : nil
    }

    /// A configured prefix made valid: what may not stand there becomes `_`, and a leading digit gets one in front.
    package static func sanitized(_ text: String) -> String {
        var name: [UInt8] = []
        for scalar in text.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(scalar.value) : 0
            if name.isEmpty, isDigit(byte) { name.append(UInt8(ascii: "_")) }
            name.append(isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: ":") ? byte : UInt8(ascii: "_"))
        }
        return name.isEmpty ? "_" : String(decoding: name, as: UTF8.self)
    }

    private static func isWord(_ name: String, allowingColon: Bool) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || (allowingColon && $0 == UInt8(ascii: ":")) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
