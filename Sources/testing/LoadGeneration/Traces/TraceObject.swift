import ClusterModel
import JSONText

/// One line of a trace of JSON objects, asked by column.
struct TraceObject {
    private let object: JSONObject
    let line: Int

    init(_ text: RawSpan, line: Int) throws(TraceError) {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: text, limits: TraceLimits.line) } catch {
            throw TraceError(line: line, column: error.path.isEmpty ? nil : error.path, "\(error.reason) (column \(error.column))")
        }
        guard case .object(let object) = value else { throw TraceError(line: line, "is no JSON object") }
        self.object = object
        self.line = line
    }

    private func required(_ column: String) throws(TraceError) -> JSONValue {
        guard let value = object[column] else { throw TraceError(line: line, column: column, "is missing") }
        return value
    }

    func tokens(_ column: String) throws(TraceError) -> UInt32 {
        guard let value = try required(column).asUInt64, value <= TraceLimits.tokens, let tokens = UInt32(exactly: value) else {
            throw TraceError(line: line, column: column, "is no number of tokens from 0 to \(TraceLimits.tokens)")
        }
        return tokens
    }

    func stamp(_ column: String, per nanosecondsPerUnit: Int64) throws(TraceError) -> Duration {
        guard let number = try required(column).asNumber else { throw TraceError(line: line, column: column, "is no number") }
        // Written with an exponent, it goes through a double: to a microsecond within a century.
        let nanoseconds =
            DecimalText.nanoseconds(number.text.utf8.span.bytes, per: nanosecondsPerUnit)
            ?? number.asDouble.flatMap { Int64(exactly: ($0 * Double(nanosecondsPerUnit)).rounded(.down)) }
        guard let nanoseconds, (0...TraceLimits.stampNanoseconds).contains(nanoseconds) else {
            throw TraceError(line: line, column: column, "is no time from 0 to 200 years")
        }
        return .nanoseconds(nanoseconds)
    }

    /// -1, null or nothing: nil.
    func identifier(_ column: String, isOptional: Bool) throws(TraceError) -> UInt64? {
        guard let value = object[column], !value.isNull else {
            guard isOptional else { throw TraceError(line: line, column: column, "is missing") }
            return nil
        }
        if isOptional, value.asInt64 == -1 { return nil }
        guard let identifier = value.asUInt64 else { throw TraceError(line: line, column: column, "is no whole number from 0") }
        return identifier
    }

    /// Empty where the column is missing: nothing is said of what is shared.
    func blocks(_ column: String) throws(TraceError) -> [UInt64] {
        guard let value = object[column], !value.isNull else { return [] }
        guard let elements = value.asArray else { throw TraceError(line: line, column: column, "is no array") }
        var blocks: [UInt64] = []
        blocks.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard let block = element.asUInt64 else {
                throw TraceError(line: line, column: "\(column)[\(index)]", "is no whole number from 0")
            }
            blocks.append(block)
        }
        return blocks
    }
}

extension UInt32 {
    /// Blocks of so many tokens that hold these, the last one perhaps not full.
    func blocks(of blockTokens: UInt32) -> Int { Int((UInt64(self) + UInt64(blockTokens) - 1) / UInt64(blockTokens)) }
}
