import ClusterModel
import JSONText
import WireProtocol

/// Reads traces into workloads: any of `TraceFormat`, packed by zstd or not.
///
/// Strict: a line that says something else than its format is an error that names line and column. CR LF, a byte order mark and blank lines at the end
/// are tolerated. A request without prompt or without answer is left out and counted: BurstGPT writes failures so, and no server can be asked for it.
package struct TraceReader: Sendable {
    package let format: TraceFormat?
    package let options: TraceOptions

    /// `format` nil: by content.
    package init(format: TraceFormat? = nil, options: TraceOptions = TraceOptions()) {
        self.format = format
        self.options = options
    }

    /// `name` is what reports call it. Blocks for as long as a big file takes.
    package func read(_ file: [UInt8], name: String) throws(TraceError) -> Workload {
        try checkOptions()
        let text = try unpacked(file)
        var lines = TraceLines(text)
        let format = if let told = format { told } else { try recognised(lines) }
        var stamped = try Self.requests(of: format, from: &lines, blockTokens: options.blockTokens)
        guard !stamped.requests.isEmpty else { throw TraceError("there is no request in it") }
        stamped.order()
        if options.spreadsStamps { stamped.spread() }
        var source = "\(name) (\(format.rawValue))"
        if stamped.leftOut > 0 { source += ", \(stamped.leftOut) without prompt or answer left out" }
        return Workload(requests: try chosen(stamped.requests), blockTokens: stamped.blockTokens, source: source)
    }

    private static func requests(
        of format: TraceFormat, from lines: inout TraceLines, blockTokens: UInt32?
    ) throws(TraceError) -> StampedRequests {
        switch format {
        case .mooncake: try MooncakeTrace.read(&lines, blockTokens: blockTokens ?? MooncakeTrace.blockTokens)
        case .azure: try AzureTrace.read(&lines)
        case .burstGPT: try BurstGPTTrace.read(&lines)
        case .qwenBailian: try QwenBailianTrace.read(&lines, blockTokens: blockTokens ?? QwenBailianTrace.blockTokens)
        }
    }

    private func checkOptions() throws(TraceError) {
        guard TraceOptions.speeds.contains(options.speed) else {
            throw TraceError("the speed is not \(TraceOptions.speeds.lowerBound) to \(TraceOptions.speeds.upperBound)")
        }
        guard options.requests.map({ $0 > 0 }) ?? true else { throw TraceError("not even one request is asked for") }
        guard options.blockTokens.map({ TraceOptions.blockSizes.contains(Int($0)) }) ?? true else {
            throw TraceError("a block is not \(TraceOptions.blockSizes.lowerBound) to \(TraceOptions.blockSizes.upperBound) tokens")
        }
        guard options.window.map({ $0.lowerBound >= .zero && !$0.isEmpty }) ?? true else { throw TraceError("the window is empty") }
    }

    private func unpacked(_ file: [UInt8]) throws(TraceError) -> [UInt8] {
        guard Compression.isPacked(file.span.bytes) else { return file }
        do throws(WireError) {
            return try Compression().unpackFrames(file.span.bytes, atMost: TraceLimits.unpackedBytes)
        } catch {
            guard error.code == .bodyTooLarge else { throw TraceError("it is no whole zstd file") }
            guard error.field == "window" else { throw TraceError("it unpacks to more than \(TraceLimits.unpackedBytes) bytes") }
            let most = 1 << (Compression.fileWindowLog - 20)
            throw TraceError("its zstd window is larger than \(most) MiB; pack it with zstd -19 or less, without --long")
        }
    }

    private func recognised(_ lines: TraceLines) throws(TraceError) -> TraceFormat {
        var lines = lines
        guard let first = try lines.next() else { throw TraceError("the file is empty") }
        guard let format = lines.withBytes(first, { TraceFormat(firstLine: $0) }) else {
            throw TraceError(line: 1, "this is no format known: \(TraceFormat.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return format
    }

    /// The part that is asked for, from its own begin and at its speed.
    private func chosen(_ all: [PlannedRequest]) throws(TraceError) -> [PlannedRequest] {
        var requests = all
        if let window = options.window {
            requests = all.filter { window.contains($0.due) }
            guard !requests.isEmpty else { throw TraceError("no request is due in the window") }
        }
        if let count = options.requests, count < requests.count { requests.removeLast(requests.count - count) }
        let begin = options.window?.lowerBound ?? .zero
        guard begin > .zero || options.speed != 1 else { return requests }
        for index in requests.indices {
            let scaled = Double((requests[index].due - begin).inNanoseconds) / options.speed
            guard let nanoseconds = Int64(exactly: scaled.rounded()), nanoseconds <= TraceLimits.stampNanoseconds else {
                throw TraceError("at that speed it would last for centuries")
            }
            requests[index].due = .nanoseconds(nanoseconds)
        }
        return requests
    }
}
