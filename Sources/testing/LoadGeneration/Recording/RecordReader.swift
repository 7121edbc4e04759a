import ClusterModel

/// Reads a record from the pieces of a file, in any cut: strict, and bounded in lines, requests and hashes.
package struct RecordReader: Sendable {
    private var record = Record()
    /// The beginning of a line whose end has not come.
    private var rest: [UInt8] = []
    private var line = 0
    private var hashes = 0

    package init() {}

    /// Takes the next bytes of the file. After an error the reader is of no more use.
    package mutating func read(_ bytes: borrowing RawSpan) throws(RecordFault) {
        var start = 0
        for end in 0..<bytes.byteCount where bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: "\n") {
            if rest.isEmpty {
                try take(bytes.extracting(start..<end))
            } else {
                let whole = rest + bytes.bytes(start..<end)
                rest = []
                try take(whole.span.bytes)
            }
            start = end + 1
        }
        guard rest.count + bytes.byteCount - start <= RecordLimits.lineBytes else {
            throw RecordFault(line: line + 1, member: "", problem: "a line has more than \(RecordLimits.lineBytes) bytes")
        }
        rest += bytes.bytes(start..<bytes.byteCount)
    }

    /// What the file holds. A last line without its end is what a recorder left that was killed: it is dropped, and said.
    package consuming func finish() throws(RecordFault) -> Record {
        guard line > 0 else { throw RecordFault(line: 0, member: "", problem: "the file holds no whole line: it is no record") }
        record.isCut = !rest.isEmpty
        record.requests = record.requests.enumerated().sorted { ($0.element.arrival, $0.offset) < ($1.element.arrival, $1.offset) }.map(
            \.element)
        return record
    }

    private mutating func take(_ bytes: RawSpan) throws(RecordFault) {
        line += 1
        guard record.summary == nil else { throw RecordFault(line: line, member: "", problem: "there is a line behind the last one") }
        guard bytes.byteCount <= RecordLimits.lineBytes else {
            throw RecordFault(line: line, member: "", problem: "a line has more than \(RecordLimits.lineBytes) bytes")
        }
        let read = try RecordLine(bytes, number: line)
        guard line > 1 else { return try header(read) }
        switch try read.word("type", RecordLine.Kind.self) {
        case .model: try model(read)
        case .worker: try worker(read)
        case .left: try left(read)
        case .request: try request(read)
        case .end: try end(read)
        }
    }

    // MARK: The cluster

    private mutating func header(_ line: RecordLine) throws(RecordFault) {
        guard try line.text("format", atMost: RecordLimits.wordBytes) == RecordWriter.format else {
            throw line.fault("format", "'\(RecordWriter.format)' is expected")
        }
        let version: Int = try line.integer("version")
        guard version == RecordWriter.version else {
            throw line.fault("version", "version \(RecordWriter.version) is expected, and not \(version)")
        }
        try line.allows("format", "version", "routers")
        record.fleet.routers = try line.integer("routers")
        guard record.fleet.routers <= RecordLimits.routers else {
            throw line.fault("routers", "no more than \(RecordLimits.routers) are expected")
        }
    }

    private mutating func model(_ line: RecordLine) throws(RecordFault) {
        try line.allows("type", "model", "name", "block_tokens", "context_tokens")
        try expectNext(line, "model", record.fleet.models.count, atMost: RecordLimits.models)
        let model = RecordedModel(
            name: try line.text("name", atMost: RecordLimits.nameBytes), blockTokens: try line.integer("block_tokens"),
            contextTokens: try line.integer("context_tokens"))
        guard model.blockTokens > 0 else { throw line.fault("block_tokens", "a block has tokens") }
        record.fleet.models.append(model)
    }

    private mutating func worker(_ line: RecordLine) throws(RecordFault) {
        try line.allows("type", "worker", "at_us", "model", "role", "ranks")
        try expectNext(line, "worker", record.fleet.workers.count, atMost: RecordLimits.workers)
        var ranks: [RecordedRank] = []
        for rank in try line.objects("ranks", atMost: RecordLimits.ranks) {
            try rank.allows("rank", "blocks", "host_blocks", "disk_blocks", "max_sequences", "max_batched_tokens")
            ranks.append(
                RecordedRank(
                    rank: try rank.integer("rank"), blocks: try rank.integer("blocks"), hostBlocks: try rank.integer("host_blocks"),
                    diskBlocks: try rank.integer("disk_blocks"), maxSequences: try rank.integer("max_sequences"),
                    maxBatchedTokens: try rank.integer("max_batched_tokens")))
        }
        record.fleet.workers.append(
            RecordedWorker(
                joined: try line.duration("at_us"),
                model: try line.ordinal("model", below: record.fleet.models.count, "model"), role: try line.word("role"), ranks: ranks))
    }

    private mutating func left(_ line: RecordLine) throws(RecordFault) {
        try line.allows("type", "worker", "at_us")
        let worker = try line.ordinal("worker", below: record.fleet.workers.count, "worker")
        guard record.fleet.workers[worker].left == nil else { throw line.fault("worker", "worker \(worker) has left before") }
        record.fleet.workers[worker].left = try line.duration("at_us")
    }

    /// Ordinals are given in order.
    private func expectNext(_ line: RecordLine, _ name: String, _ next: Int, atMost limit: Int) throws(RecordFault) {
        guard next < limit else { throw line.fault(name, "no more than \(limit) are expected") }
        guard try line.integer(name, Int.self) == next else { throw line.fault(name, "\(next) is the next one") }
    }

    // MARK: Requests

    private mutating func request(_ line: RecordLine) throws(RecordFault) {
        try line.allows(
            "type", "at_us", "model", "router", "prompt_tokens", "output_tokens", "choices", "cached_tokens", "attempts", "session",
            "tenant", "queued_us", "policy", "status", "first_token_us", "total_us", "end", "legs", "hashes")
        guard record.requests.count < RecordLimits.requests else {
            throw line.fault("", "a record has no more than \(RecordLimits.requests) requests")
        }
        let model = try line.ordinal("model", below: record.fleet.models.count, "model")
        var request = RecordedRequest(
            arrival: try line.duration("at_us"), model: model, promptTokens: try line.integer("prompt_tokens"),
            outputTokens: try line.integer("output_tokens"), end: try line.word("end"))
        if line.has("router") { request.router = try line.ordinal("router", below: record.fleet.routers, "router") }
        request.choices = try line.optional("choices")
        request.cachedTokens = try line.optional("cached_tokens")
        guard request.cachedTokens ?? 0 <= request.promptTokens else { throw line.fault("cached_tokens", "the prompt has fewer tokens") }
        request.attempts = try line.integer("attempts")
        request.session = try line.optional("session")
        request.tenant = try line.optional("tenant")
        request.queued = try line.optionalDuration("queued_us")
        if line.has("policy") { request.policy = try line.text("policy", atMost: RecordLimits.wordBytes) }
        request.status = try line.optional("status")
        request.firstToken = try line.optionalDuration("first_token_us")
        request.total = try line.optionalDuration("total_us")
        for leg in try line.objects("legs", atMost: RecordLimits.legs) { request.legs.append(try self.leg(leg)) }
        request.hashes = try line.hashes("hashes", atMost: Int(request.promptTokens / record.fleet.models[model].blockTokens))
        hashes += request.hashes.count
        guard hashes <= RecordLimits.hashes else {
            throw line.fault("hashes", "a record that is read has no more than \(RecordLimits.hashes) hashes")
        }
        record.requests.append(request)
    }

    private func leg(_ line: RecordLine) throws(RecordFault) -> RecordedLeg {
        try line.allows(
            "attempt", "leg", "worker", "rank", "at_us", "believed_blocks", "cached_tokens", "output_tokens", "waited_us", "prefill_us",
            "decode_us", "end")
        var leg = RecordedLeg(
            attempt: try line.integer("attempt"), role: try line.word("leg"),
            worker: try line.ordinal("worker", below: record.fleet.workers.count, "worker"), rank: try line.integer("rank"),
            placed: try line.duration("at_us"), end: try line.word("end"))
        leg.believedBlocks = try line.optional("believed_blocks")
        leg.cachedTokens = try line.optional("cached_tokens")
        leg.outputTokens = try line.integer("output_tokens")
        leg.waited = try line.optionalDuration("waited_us")
        leg.prefill = try line.optionalDuration("prefill_us")
        leg.decode = try line.optionalDuration("decode_us")
        return leg
    }

    // MARK: The end

    private mutating func end(_ line: RecordLine) throws(RecordFault) {
        try line.allows("type", "at_us", "cause", "requests", "missed")
        let counted = try line.object("missed")
        for name in counted.names where !RecordedMisses.counts.contains(where: { $0.name == name }) {
            throw counted.fault(name, "this version knows no such member here")
        }
        var missed = RecordedMisses()
        for count in RecordedMisses.counts { missed[keyPath: count.path] = try counted.integer(count.name) }
        let requests: UInt64 = try line.integer("requests")
        guard requests == UInt64(record.requests.count) else {
            throw line.fault("requests", "the file has \(record.requests.count): lines are missing")
        }
        record.summary = RecordSummary(
            span: try line.duration("at_us"), cause: try line.word("cause"), requests: requests, missed: missed)
    }
}

extension RawSpan {
    fileprivate borrowing func bytes(_ range: Range<Int>) -> [UInt8] {
        let part = extracting(range)
        return part.withUnsafeBytes { [UInt8]($0) }
    }
}
