import Glibc
import JSONText

/// The most that each exact figure may be: `<case>.json` holds `{"<figure>": number}`.
///
/// A figure of allocations or instructions must have one, so that a new case cannot be forgotten.
struct Thresholds {
    let directory: String

    /// A line for each figure that is over.
    func excess(in report: Report) throws(BenchmarkFailure) -> [String] {
        var lines: [String] = []
        var files: [String: JSONObject] = [:]
        for row in report.rows where row.figure.kind != .time {
            let limits: JSONObject
            if let known = files[row.caseName] { limits = known } else { limits = try read(row.caseName) }
            files[row.caseName] = limits
            guard let limit = limits[row.figure.name]?.asDouble else {
                throw BenchmarkFailure("\(directory)/\(row.caseName).json has no “\(row.figure.name)”, which was \(row.figure.measured)")
            }
            if row.figure.measured > limit {
                lines.append("\(row.caseName): \(row.figure.name): \(row.figure.measuredText), allowed \(limit)")
            }
        }
        return lines
    }

    private func read(_ caseName: String) throws(BenchmarkFailure) -> JSONObject {
        let path = "\(directory)/\(caseName).json"
        guard let file = fopen(path, "re") else { throw BenchmarkFailure("cannot read \(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 64 << 10)
        text.removeLast(text.count - fread(&text, 1, text.count, file))
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: text) } catch { throw BenchmarkFailure("\(path): \(error)") }
        guard let object = value.asObject else { throw BenchmarkFailure("\(path) is no object") }
        return object
    }
}
