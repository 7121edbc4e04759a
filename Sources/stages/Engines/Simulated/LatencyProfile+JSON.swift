import JSONText

/// A profile as a file holds it. Nothing else may stand in it but a `comment`.
///
/// ```json
/// {
///   "comment": "how it was made",
///   "prefill": [{"tokens": 128, "milliseconds": 18.5}, {"tokens": 8192, "milliseconds": 169.1}],
///   "decode": {
///     "activeTokens": [0, 262144],
///     "contextLengths": [1024, 32768],
///     "milliseconds": [[5.7, 6.0], [26.3, 28.0]]
///   }
/// }
/// ```
extension LatencyProfile {
    package init(parsing bytes: [UInt8]) throws(LatencyProfileError) {
        let document: JSONValue
        let limits = JSONLimits(depth: 8, bytes: LatencyProfileLimits.bytes, values: 1 << 18)
        do throws(JSONError) { document = try JSONValue(parsing: bytes, limits: limits) } catch {
            throw LatencyProfileError("", "it is not JSON: \(error)")
        }
        let top = try Members(document, "", ["comment", "prefill", "decode"])
        if let comment = top.optional("comment"), comment.asString == nil { throw LatencyProfileError("comment", "a text") }
        var prefill: [Prefill] = []
        for (index, element) in try top.array("prefill").enumerated() {
            let point = try Members(element, "prefill[\(index)]", ["tokens", "milliseconds"])
            prefill.append(Prefill(tokens: try point.number("tokens"), milliseconds: try point.number("milliseconds")))
        }
        let decode = try Members(try top.required("decode"), "decode", ["activeTokens", "contextLengths", "milliseconds"])
        var rows: [[Double]] = []
        for (index, row) in try decode.array("milliseconds").enumerated() {
            rows.append(try Self.numbers(row, "decode.milliseconds[\(index)]"))
        }
        try self.init(
            prefill: prefill,
            decode: Decode(
                activeTokens: try Self.numbers(try decode.required("activeTokens"), "decode.activeTokens"),
                contextLengths: try Self.numbers(try decode.required("contextLengths"), "decode.contextLengths"), milliseconds: rows))
    }

    private static func numbers(_ value: JSONValue, _ field: String) throws(LatencyProfileError) -> [Double] {
        guard let elements = value.asArray else { throw LatencyProfileError(field, "an array of numbers") }
        var numbers: [Double] = []
        for (index, element) in elements.enumerated() {
            guard let number = element.asDouble else { throw LatencyProfileError("\(field)[\(index)]", "a number") }
            numbers.append(number)
        }
        return numbers
    }

    /// An object of which every member is known.
    private struct Members {
        private let object: JSONObject
        private let path: String

        init(_ value: JSONValue, _ path: String, _ known: [String]) throws(LatencyProfileError) {
            guard let object = value.asObject else { throw LatencyProfileError(path, "a JSON object") }
            self.object = object
            self.path = path
            for name in object.names where !known.contains(name) {
                throw LatencyProfileError(
                    Self.isPlain(name) ? field(name) : path, "nobody knows this member; known are \(known.joined(separator: ", "))")
            }
        }

        private func field(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

        /// Whether a message may repeat a name that stands in a file.
        private static func isPlain(_ name: String) -> Bool {
            name.utf8.count <= 32 && name.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) }
        }

        func optional(_ name: String) -> JSONValue? { object[name] }

        func required(_ name: String) throws(LatencyProfileError) -> JSONValue {
            guard let value = object[name] else { throw LatencyProfileError(field(name), "it is missing") }
            return value
        }

        func array(_ name: String) throws(LatencyProfileError) -> [JSONValue] {
            guard let array = try required(name).asArray else { throw LatencyProfileError(field(name), "an array") }
            return array
        }

        func number(_ name: String) throws(LatencyProfileError) -> Double {
            guard let number = try required(name).asDouble else { throw LatencyProfileError(field(name), "a number") }
            return number
        }
    }
}
