import ClusterModel
package import JSONText

extension LoadSummary {
    /// Of the members below; raised when one changes its meaning. Members may be added.
    static let formatVersion: UInt64 = 1

    /// The members stand under the same names for good. Rates, shares and percentiles are there for readers; only what they follow from is read again.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("format", LoadSummary.formatVersion)
        writer.member("parts", UInt64(parts))
        writer.key("goodput_limits")
        writer.beginObject()
        writer.member("ttft_ms", milliseconds: limits.timeToFirstToken)
        writer.member("tpot_ms", milliseconds: limits.timePerToken)
        writer.member("e2e_ms", milliseconds: limits.endToEnd)
        writer.endObject()
        writer.member("first_due_ms", milliseconds: firstDue)
        writer.member("last_due_ms", milliseconds: lastDue)
        writer.member("last_end_ms", milliseconds: lastEnd)
        writer.member("span_s", span.inSeconds)
        writer.key("requests")
        write(counts, to: &writer)
        writer.key("rates")
        writer.beginObject()
        writer.member("offered_per_s", offeredPerSecond)
        writer.member("complete_per_s", completePerSecond)
        writer.member("good_per_s", goodPerSecond)
        writer.member("output_tokens_per_s", outputTokensPerSecond)
        writer.member("prompt_tokens_per_s", promptTokensPerSecond)
        writer.endObject()
        writer.key("latency")
        writer.beginObject()
        for measure in LatencyMeasure.allCases {
            writer.key(measure.name)
            self[measure].write(to: &writer)
        }
        writer.endObject()
        writeFailures(to: &writer)
        writeTenants(to: &writer)
        writer.key("series")
        series.write(to: &writer)
        writer.endObject()
    }

    /// The same as a value, for a document of others.
    var json: JSONValue {
        var writer = JSONWriter()
        write(to: &writer)
        do throws(JSONError) {
            return try JSONValue(parsing: writer.finish(), limits: LoadReport.readingLimits)
        } catch { preconditionFailure("the writer writes JSON: \(error)") }
    }

    private func write(_ counts: RequestCounts, to writer: inout JSONWriter, tenant: UInt32?? = nil) {
        writer.beginObject()
        if case .some(let tenant) = tenant {
            writer.key("tenant")
            if let tenant { writer.number(UInt64(tenant)) } else { writer.null() }
        }
        writer.member("offered", counts.offered)
        for field in RequestCounts.fields { writer.member(field.name, counts[keyPath: field.path]) }
        writer.member("good_share", counts.goodShare)
        writer.member("cached_share", counts.cachedShare)
        writer.endObject()
    }

    private func writeFailures(to writer: inout JSONWriter) {
        writer.key("failures")
        writer.beginArray()
        for (kind, count) in failuresByKind {
            writer.beginObject()
            writer.key("kind")
            if let kind { writer.string(kind) } else { writer.null() }
            writer.member("count", count)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeTenants(to writer: inout JSONWriter) {
        writer.key("tenants")
        writer.beginArray()
        for (tenant, counts) in countsByTenant { write(counts, to: &writer, tenant: .some(tenant)) }
        writer.endArray()
    }

    // MARK: Reading

    /// Reads what `write` wrote. What is there for readers only is passed over, and so are members of later versions.
    package init(reading value: JSONValue?, path: String = "") throws(SummaryReadError) {
        let reader = try SummaryReader(value, path: path)
        guard try reader.count("format") == LoadSummary.formatVersion else {
            throw reader.problem("format", "is not \(LoadSummary.formatVersion): another version wrote this")
        }
        let limits = try reader.object("goodput_limits")
        self.init(
            limits: GoodputLimits(
                timeToFirstToken: try limits.milliseconds("ttft_ms"), timePerToken: try limits.milliseconds("tpot_ms"),
                endToEnd: try limits.milliseconds("e2e_ms")))
        parts = Int(try reader.count("parts"))
        guard (1...LoadSummary.mostParts).contains(parts) else { throw reader.problem("parts", "is not 1 to \(LoadSummary.mostParts)") }
        firstDue = try reader.milliseconds("first_due_ms")
        lastDue = try reader.milliseconds("last_due_ms")
        lastEnd = try reader.milliseconds("last_end_ms")
        counts = try RequestCounts(reading: try reader.object("requests"))
        let latency = try reader.object("latency")
        for measure in LatencyMeasure.allCases { histograms[measure.rawValue] = try latency.histogram(measure.name) }
        for (index, entry) in try reader.array("failures", atMost: LoadSummary.mostKinds + 1).enumerated() {
            let entry = try SummaryReader(entry, path: "failures[\(index)]"), count = try entry.count("count")
            guard entry.has("kind") else {
                failures.updateOther { $0 += count }
                continue
            }
            failures.update(try entry.text("kind")) { $0 += count }
        }
        for (index, entry) in try reader.array("tenants", atMost: LoadSummary.mostTenants + 1).enumerated() {
            let entry = try SummaryReader(entry, path: "tenants[\(index)]"), counts = try RequestCounts(reading: entry)
            guard entry.has("tenant") else {
                tenants.updateOther { $0.merge(counts) }
                continue
            }
            guard let tenant = UInt32(exactly: try entry.count("tenant")) else { throw entry.problem("tenant", "is no tenant's number") }
            tenants.update(tenant) { $0.merge(counts) }
        }
        series = try RunSeries(reading: try reader.object("series"))
    }

    /// Hosts that put load on one server together; a bound for sums.
    private static let mostParts = 100_000
}

extension SummaryReader {
    fileprivate func histogram(_ name: String) throws(SummaryReadError) -> LatencyHistogram {
        try LatencyHistogram(reading: value(name), path: place(name))
    }
}

extension RequestCounts {
    fileprivate init(reading reader: SummaryReader) throws(SummaryReadError) {
        self.init()
        for field in RequestCounts.fields { self[keyPath: field.path] = try reader.count(field.name) }
        guard good <= complete else { throw reader.problem("good", "is more than complete") }
    }
}

extension RunSeries {
    /// One array a column would be shorter; one object a span is what people and tools read without a manual.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("width_ms", milliseconds: width)
        writer.key("spans")
        writer.beginArray()
        for (index, span) in spans.enumerated() {
            writer.beginObject()
            writer.member("begun", span.begun)
            writer.member("ended", span.ended)
            writer.member("failed", span.failed)
            writer.member("tokens", span.tokens)
            writer.member("ttft_p50_ms", milliseconds: firstToken(50, inSpan: index))
            writer.member("ttft_p99_ms", milliseconds: firstToken(99, inSpan: index))
            writer.member("ttft_slots_us", slots: filledSlots(ofSpan: index))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    fileprivate init(reading reader: SummaryReader) throws(SummaryReadError) {
        let width = try reader.milliseconds("width_ms") ?? .zero
        guard let doublings = (0...RunSeries.mostDoublings).first(where: { RunSeries.narrowest * (1 << $0) == width }) else {
            throw reader.problem("width_ms", "is not 100 doubled some times")
        }
        self.init(doublings: doublings)
        for (index, entry) in try reader.array("spans", atMost: RunSeries.mostSpans).enumerated() {
            let entry = try SummaryReader(entry, path: "series.spans[\(index)]"), firstTokens = try entry.slots("ttft_slots_us")
            var span = Span()
            span.begun = try entry.count("begun")
            span.ended = try entry.count("ended")
            span.failed = try entry.count("failed")
            span.tokens = try entry.count("tokens")
            span.firstTokens = firstTokens.reduce(0) { $0.addingClamped($1.count) }
            guard append(span, firstTokens: firstTokens) else { throw entry.problem("ttft_slots_us", "is no histogram of ours") }
        }
    }
}
