import ClusterModel
import Engines
import Testing

/// The two legs of a request in two engines, and a courier between them: what a worker does over its link, with no link.
struct Pair {
    let giver: ConformanceRun
    let taker: ConformanceRun
    /// Pages that travel in one slice.
    var pagesAtOnce = 2
    private(set) var key = EngineRequestKey(0)
    private(set) var takerKey = EngineRequestKey(0)
    private var asked: UInt32 = 0
    private var carried = 0
    private var hasCompleted = false
    private var hasReleased = false
    /// Steps of the giver in which more pages became exportable.
    private(set) var exportableSteps: [Int] = []
    private var seenExportable: UInt32 = 0

    init(_ engine: EngineUnderTest, _ wish: (inout EngineWishes) -> Void = { _ in }) throws {
        giver = try engine.run(wish)
        taker = try engine.run(wish)
    }

    var isConcurrent: Bool { giver.can(.concurrentHandOver) }
    var giving: RequestRecord { giver[key] }
    var receiving: RequestRecord { taker[takerKey] }

    mutating func begin(_ prompt: [TokenID], choices: [EngineChoice]) {
        key = giver.admit(prompt, choices: choices) {
            $0.leg = .prefill
            $0.handOver = .export
        }
        takerKey = taker.admit(prompt, choices: choices) {
            $0.leg = .decode
            $0.handOver = .receive
        }
    }

    func cancel() {
        giver.cancel(key)
        taker.cancel(takerKey)
    }

    /// To the end of both legs.
    mutating func run() throws {
        for _ in 0..<2_000 where giving.isLiving || receiving.isLiving { try turn() }
        if giving.isLiving || receiving.isLiving { Issue.record("the transfer does not end") }
    }

    /// A step of each, and what is to be carried after it.
    mutating func turn() throws {
        if giver.engine.hasWork { try giver.step() }
        if taker.engine.hasWork { try taker.step() }
        carry()
    }

    mutating func carry() {
        guard giving.isLiving, let held = receiving.heldBlocks, let shape = giver.profile.kvShape else { return }
        guard !hasCompleted else { return release() }
        guard receiving.isLiving else { return }
        let giving = giving, pages = giving.exportable
        if pages > seenExportable { exportableSteps.append(giver.steps) }
        seenExportable = pages
        asked = max(asked, held)
        while asked < pages {
            let count = min(pages - asked, UInt32(pagesAtOnce))
            giver.engine.transfer(
                .export(key, KVSlice(firstBlock: asked, blockCount: count, firstLayer: 0, layerCount: shape.layers)))
            asked += count
        }
        for (slice, bytes) in giving.exported[carried...] {
            let expected = Int(slice.blockCount) * Int(shape.blockBytes)
            if bytes.count != expected { Issue.record("\(bytes.count) bytes of \(slice), \(expected) are expected") }
            for part in parts(slice, bytes, shape) { taker.engine.transfer(.store(takerKey, part.0, bytes: part.1)) }
        }
        carried = giving.exported.count
        end(giving, shape)
    }

    /// Of an odd page one layer after the other, where a slice is one page.
    private func parts(_ slice: KVSlice, _ bytes: [UInt8], _ shape: EngineKVShape) -> [(KVSlice, [UInt8])] {
        guard slice.blockCount == 1, slice.firstBlock % 2 == 1, shape.layers > 1 else { return [(slice, bytes)] }
        let size = bytes.count / Int(shape.layers)
        return (0..<Int(shape.layers)).reversed().map { layer in
            (
                KVSlice(firstBlock: slice.firstBlock, blockCount: 1, firstLayer: UInt32(layer), layerCount: 1),
                Array(bytes[layer * size..<(layer + 1) * size])
            )
        }
    }

    private mutating func end(_ giving: RequestRecord, _ shape: EngineKVShape) {
        let tokens = giving.request.choices.count == 1 ? giving.request.prefillTokens : giving.request.prompt.count
        let pages = (tokens + Int(shape.blockTokens) - 1) / Int(shape.blockTokens)
        guard giving.outputTokens > 0, asked == pages else { return }
        let carriedPages = giving.exported.reduce(0) { $0 + Int($1.slice.blockCount) }
        guard carriedPages + Int(receiving.heldBlocks ?? 0) == pages else { return }
        hasCompleted = true
        let first = giving.request.choices.map {
            KVFirstToken(choice: $0.choice, token: giving.output($0.choice)[0], finish: giving.finishes[$0.choice])
        }
        taker.engine.transfer(.complete(takerKey, firstTokens: first, handOver: giving.beside ?? []))
    }

    private mutating func release() {
        guard !hasReleased else { return }
        hasReleased = true
        giver.engine.transfer(.release(key))
    }

    func expectRest() {
        giver.expectRest()
        taker.expectRest()
        #expect(giver.breaches == [])
        #expect(taker.breaches == [])
    }
}
