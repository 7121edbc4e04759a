import ClusterModel
import Engines
import EventLoop
import ServiceRuntime
import Testing
import Transport
import WireProtocol
import WorkerService

/// State that decides what is said: a page in the wrong place or a wrong bit would give another text, where the mock only compares.
@Suite("A split request at two workers that compute")
struct ReferenceRoomTests {
    /// As `workerd` is told of it.
    private static func engine(_ arguments: String...) throws -> EngineSelection {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let options = WorkerOptions(), tiny = root + "/deploy/models/tiny"
        let given = ["--engine=reference", "--model=\(tiny)", "--weights=\(tiny)/tiny-f16.gguf", "--block-size=16"] + arguments
        let resolution = options.table.resolve(arguments: given, environment: [:], files: .system)
        #expect(resolution.errors == [])
        return try options.config(resolution.configuration).engine
    }

    private func bed(
        prefill: EngineSelection, decode: EngineSelection, _ change: @escaping (inout WorkerConfig, Bool) -> Void = { _, _ in }
    ) throws -> SplitBed {
        try SplitBed { config, isPrefill in
            config.engine = isPrefill ? prefill : decode
            change(&config, isPrefill)
        }
    }

    /// Both legs of a sequential request: the end of the second one, which begins with what the first one ended with.
    private func sequential(_ bed: SplitBed, _ counter: UInt64, prompt: Int) throws -> EndedStatus? {
        bed.front.send(bed.prefillLeg(counter, prompt: prompt) { $0.room = nil }, to: bed.prefill)
        try bed.until("prefill") { bed.front.line(bed.prefill).isOver(counter) }
        let given = try #require(bed.front.line(bed.prefill).ended(counter))
        #expect(given.reason == .handedOver && !given.handOver.isEmpty)
        let leg = bed.decodeLeg(counter, prompt: prompt) {
            $0.room = nil
            $0.handOver = given.handOver
        }
        bed.front.send(leg, to: bed.decode)
        try bed.until("decode") { bed.front.line(bed.decode).isOver(counter) }
        return bed.front.line(bed.decode).ended(counter)
    }

    /// Requests of one prompt and seed until one is finished, with its number; how the others failed.
    private func untilFinished(
        _ counter: UInt64, _ run: (UInt64) throws -> EndedStatus?
    ) throws -> (finished: UInt64, failures: [FailureDetail]) {
        var failures: [FailureDetail] = []
        for time in 0..<20 as Range<UInt64> {
            let ended = try #require(try run(counter + time * 1_000))
            if ended.reason == .finished { return (counter + time * 1_000, failures) }
            failures.append(try #require(ended.failure))
        }
        throw NotInTime("a request that is not damaged")
    }

    @Test("whole, pushed while prefill goes on, and by parameters: the text is the same", arguments: [5, 30, 31, 100, 700])
    func paths(prompt: Int) throws {
        let bed = try bed(prefill: Self.engine(), decode: Self.engine())
        let counter = UInt64(prompt)
        bed.split(counter, prompt: prompt)
        try bed.finish(counter)
        let concurrent = bed.front.line(bed.decode).tokens(counter)
        #expect(bed.front.line(bed.decode).ended(counter)?.reason == .finished)
        // The same prompt and seed under another number, in workers that know nothing of it.
        let fresh = try self.bed(prefill: Self.engine(), decode: Self.engine())
        #expect(try sequential(fresh, counter, prompt: prompt)?.reason == .finished)
        let text = try bed.wholeText(counter, prompt: prompt)
        #expect(text.count == 8 && concurrent == text && fresh.front.line(fresh.decode).tokens(counter) == text)
        #expect(bed.leftovers() == [] && fresh.leftovers() == [])
    }

    private func damaging(seed: UInt64) throws -> EngineSelection {
        var faults = EngineFaults()
        (faults.damagedExports, faults.seed) = (0.5, seed)
        return .faulty(try Self.engine(), faults)
    }

    @Test("state with a wrong byte is seen when it comes by parameters, and the next attempt has the whole text")
    func parameters() throws {
        let bed = try bed(prefill: damaging(seed: 1), decode: Self.engine())
        var failures: [FailureDetail] = []
        for counter in 1...6 as ClosedRange<UInt64> {
            let text = try bed.wholeText(counter, prompt: 25)
            let (finished, failed) = try untilFinished(counter) { try sequential(bed, $0, prompt: 25) }
            #expect(bed.front.line(bed.decode).tokens(finished) == text)
            failures += failed
        }
        #expect(!failures.isEmpty && failures.allSatisfy { $0.code == .incompatibleKV && $0.field == "handOver" })
        #expect(bed.leftovers() == [])
    }

    @Test("state with a wrong byte is seen when it comes in pages, and nothing of it stays to be found")
    func pages() throws {
        let bed = try bed(prefill: damaging(seed: 3), decode: Self.engine())
        var failures: [FailureDetail] = []
        for counter in 1...6 as ClosedRange<UInt64> {
            let text = try bed.wholeText(counter, prompt: 60)
            let (finished, failed) = try untilFinished(counter) { number in
                bed.split(number, prompt: 60)
                try bed.finish(number)
                return bed.front.line(bed.decode).ended(number)
            }
            #expect(bed.front.line(bed.decode).tokens(finished) == text)
            failures += failed
        }
        #expect(!failures.isEmpty && failures.allSatisfy { $0.code == .engineFailed && $0.reason == "KV state with wrong bytes" })
        #expect(bed.leftovers() == [])
    }

    @Test("a worker whose state is another is refused by the name of what differs")
    func strangers() throws {
        guard case .reference(let made) = try Self.engine() else { return }
        var weights = made, pages = made
        weights.weights = "others"
        pages.blockSize = 32
        for stranger in [weights, pages] {
            let bed = try bed(prefill: .reference(made), decode: .reference(stranger)), pool = bed.decode.on { $0.pool }
            bed.front.send(bed.decodeLeg(1) { $0.pool = pool ?? Digest() }, to: bed.decode)
            bed.front.send(bed.prefillLeg(1), to: bed.prefill)
            try bed.finish(1)
            let failure = bed.front.line(bed.prefill).ended(1)?.failure
            #expect(failure?.code == .incompatibleKV && failure?.field == "model" && failure?.reason == "another model card is served here")
            // Whoever asks it for the whole has an answer.
            #expect(try bed.wholeText(1).count == 8)
        }
    }
}
