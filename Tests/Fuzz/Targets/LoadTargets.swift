import ClusterModel
import JSONText
import LoadGeneration

extension FuzzTarget {
    /// A recorded trace of any format: what is accepted is a load that can be offered, and read again it is the same.
    static let trace = FuzzTarget(name: "trace", longest: 4096) { bytes in
        let file = [UInt8](bytes)
        for format in [nil] + TraceFormat.allCases.map(Optional.some) {
            let workload: Workload
            do throws(TraceError) { workload = try TraceReader(format: format).read(file, name: "fuzz") } catch {
                demand(!error.problem.isEmpty, "an error says nothing")
                continue
            }
            demand(!workload.requests.isEmpty && workload.requests[0].due >= .zero, "a load without a begin")
            demand(zip(workload.requests, workload.requests.dropFirst()).allSatisfy { $0.due <= $1.due }, "requests are out of order")
            for request in workload.requests {
                demand(request.promptTokens > 0 && request.outputTokens > 0, "a request that nobody can be asked for")
                let tokens = UInt64(request.blocks.count) * UInt64(workload.blockTokens)
                demand(
                    tokens < UInt64(request.promptTokens) + UInt64(workload.blockTokens) || tokens == 0, "more blocks than the prompt has")
            }
            demand((try? TraceReader(format: format).read(file, name: "fuzz"))?.requests == workload.requests, "read again, it differs")
        }
    }

    /// A report of another host: what is accepted is written again and read the same, merges with itself, and can be shown.
    static let report = FuzzTarget(name: "report", longest: 16_384) { bytes in
        guard let document = try? JSONValue(parsing: bytes, limits: LoadReport.readingLimits),
            let report = try? LoadReport(reading: document)
        else { return }
        let again = (try? JSONValue(parsing: report.json(), limits: LoadReport.readingLimits)).flatMap { try? LoadReport(reading: $0) }
        demand(again?.summary == report.summary && again?.title == report.title, "the report is not read back from what was written")
        guard let merged = try? LoadReport.merging([report, report]) else { return demand(false, "a report does not merge with itself") }
        demand(merged.summary.map { $0.counts.offered } == report.summary.map { 2 * $0.counts.offered }, "merging loses requests")
        demand(!merged.text().isEmpty && !merged.html.isEmpty, "the report shows nothing")
    }
}
