import JSONText

@testable import LoadGeneration

/// Records as a recorder writes them.
enum Samples {
    static let fleet: RecordedFleet = {
        var fleet = RecordedFleet()
        fleet.routers = 2
        fleet.models = [
            RecordedModel(name: "llama", blockTokens: 16, contextTokens: 8192),
            RecordedModel(name: "other", blockTokens: 64, contextTokens: 0),
        ]
        fleet.workers = [
            RecordedWorker(
                joined: .zero, model: 0, role: .prefill,
                ranks: [
                    RecordedRank(rank: 0, blocks: 1000, hostBlocks: 20, diskBlocks: 3, maxSequences: 256, maxBatchedTokens: 8192),
                    RecordedRank(rank: 3, blocks: 7, maxSequences: 1, maxBatchedTokens: 64),
                ]),
            RecordedWorker(joined: .zero, left: .milliseconds(900), model: 0, role: .decode, ranks: []),
            RecordedWorker(
                joined: .milliseconds(950), model: 1, role: .aggregated,
                ranks: [RecordedRank(rank: 0, blocks: 1, maxSequences: 2, maxBatchedTokens: 3)]),
        ]
        return fleet
    }()

    /// A split one with everything that can be known, and one of which little is.
    static let requests: [RecordedRequest] = {
        var split = RecordedRequest(arrival: .microseconds(1_500), model: 0, promptTokens: 40, outputTokens: 12, end: .finished)
        split.router = 1
        split.choices = 2
        split.cachedTokens = 16
        split.hashes = [0x0123_4567_89AB_CDEF, .max]
        split.attempts = 2
        split.session = 4
        split.tenant = 0
        split.queued = .milliseconds(3)
        split.policy = "kv"
        split.status = 200
        split.firstToken = .milliseconds(20)
        split.total = .milliseconds(50)
        var lost = RecordedLeg(attempt: 1, role: .aggregated, worker: 0, rank: 3, placed: .milliseconds(2), end: .workerLost)
        lost.believedBlocks = 2
        var prefill = RecordedLeg(attempt: 2, role: .prefill, worker: 0, rank: 0, placed: .milliseconds(4), end: .handedOver)
        prefill.believedBlocks = 1
        prefill.cachedTokens = 16
        prefill.outputTokens = 1
        prefill.waited = .zero
        prefill.prefill = .milliseconds(9)
        var decode = RecordedLeg(attempt: 2, role: .decode, worker: 1, rank: 0, placed: .milliseconds(4), end: .finished)
        decode.outputTokens = 12
        decode.decode = .milliseconds(30)
        split.legs = [lost, prefill, decode]
        var bare = RecordedRequest(arrival: .milliseconds(2), model: 1, promptTokens: 63, outputTokens: 0, end: .neverDispatched)
        bare.legs = [RecordedLeg(attempt: 1, role: .aggregated, worker: 2, rank: 0, placed: .milliseconds(2), end: .neverDispatched)]
        var again = RecordedRequest(arrival: .milliseconds(1_200), model: 0, promptTokens: 33, outputTokens: 3, end: .cancelled)
        again.hashes = [0x0123_4567_89AB_CDEF, 5]
        return [split, bare, again]
    }()

    static let summary: RecordSummary = {
        var missed = RecordedMisses()
        for (index, count) in RecordedMisses.counts.enumerated() { missed[keyPath: count.path] = UInt64(index) }
        return RecordSummary(span: .seconds(60), cause: .time, requests: 3, missed: missed)
    }()

    /// As lines.
    static let file: [UInt8] = {
        var writer = RecordWriter()
        writer.header(routers: fleet.routers)
        for (ordinal, model) in fleet.models.enumerated() { writer.model(ordinal, model) }
        writer.worker(0, fleet.workers[0])
        writer.worker(1, fleet.workers[1])
        // Lines are in the order in which requests ended.
        writer.request(requests[0])
        writer.left(1, at: .milliseconds(900))
        writer.worker(2, fleet.workers[2])
        writer.request(requests[2])
        writer.request(requests[1])
        writer.end(summary)
        return writer.take()
    }()

    static var lines: [String] { String(decoding: file, as: UTF8.self).split(separator: "\n").map(String.init) }

    /// The file with one line put in place of another, from 1.
    static func file(line number: Int, _ change: (String) -> String) -> [UInt8] {
        var lines = lines
        lines[number - 1] = change(lines[number - 1])
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
}
