/// Numbers as Prometheus clients print them: the shortest text that reads back as the same value, whole numbers without `.0`.
enum NumberText {
    /// 2^53: below it every whole `Double` is exact and its plain digits are what a reader expects.
    private static let exactIntegers = 9_007_199_254_740_992.0

    static func append(_ value: Double, to bytes: inout [UInt8]) {
        if value.isNaN {
            bytes.append(contentsOf: "NaN".utf8)
        } else if value.isInfinite {
            bytes.append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8)
        } else if value.magnitude < exactIntegers, value == value.rounded(.towardZero) {
            append(Int64(value), to: &bytes)
        } else {
            let text = value.description
            bytes.append(contentsOf: (text.hasSuffix(".0") ? text.dropLast(2) : text[...]).utf8)
        }
    }

    static func append(_ value: some BinaryInteger, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(value).utf8)
    }
}
