import ClusterModel
import Engines

/// llama.cpp under the scheduler of the reference engine: one decode a step for the rows of all requests.
final class LlamaComputer: BlockComputer {
    let layers = 1
    let bytesPerLayer: Int
    private let context: LlamaContext
    let memory: BlockMemory
    private let rows: DecodeBatch
    /// Behind the rows of a page comes their hash: nothing else would tell wrong state from right, as any numbers give some text.
    static let sumBytes = 8
    /// Of the last batch, those that wanted to know what could follow.
    private var outputs: [Int32] = []

    init(_ context: LlamaContext, _ memory: BlockMemory, batchedTokens: Int) {
        self.context = context
        self.memory = memory
        bytesPerLayer = memory.pageBytes + Self.sumBytes
        rows = DecodeBatch(rows: batchedTokens, sequences: context.sequences)
    }

    func run(_ batch: ForwardBatch, in pool: borrowing BlockPool) throws(EngineFailure) {
        guard !batch.rows.isEmpty else { return }
        var parts = BatchPart.parts(of: batch, blockSize: memory.blockSize)
        try memory.begin(&parts, in: pool)
        fill(parts, batch)
        var outcome = context.decode(rows)
        if outcome == .noRoom, memory.sweep(in: pool) { outcome = context.decode(rows) }
        switch outcome {
        case .done: break
        case .noRoom: throw EngineFailure("llama.cpp has no cells for \(rows.count) tokens, though there are blocks for them")
        case .failed(let code): throw EngineFailure("llama.cpp failed on a batch of \(rows.count) tokens: \(code)")
        }
        for part in parts { memory.end(part, in: pool) }
    }

    private func fill(_ parts: [BatchPart], _ batch: ForwardBatch) {
        rows.removeAll()
        outputs.removeAll(keepingCapacity: true)
        for part in parts {
            let sequences = memory.sequences(of: part)
            for row in batch.rows[part.rows] {
                if row.wantsLogits { outputs.append(Int32(rows.count)) }
                rows.append(row.token, at: row.position, in: sequences, wantsLogits: row.wantsLogits)
            }
        }
    }

    func logits(_ index: Int) -> UnsafeBufferPointer<Float> { context.logits(ofRow: outputs[index]) }

    // MARK: State

    func append(_ block: BlockNumber, layer: Int, tokens: Int, to bytes: inout [UInt8], in pool: borrowing BlockPool) -> Bool {
        guard let page = memory.page(of: block, tokens: tokens) else { return false }
        bytes += page
        withUnsafeBytes(of: Self.sum(of: page[...]).littleEndian) { bytes += $0 }
        return true
    }

    func store(_ block: BlockNumber, at place: PagePlace, from bytes: [UInt8], at offset: Int, in pool: borrowing BlockPool) -> Bool {
        let end = offset + memory.pageBytes, rows = bytes[offset..<end]
        let sum = bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: end, as: UInt64.self)) }
        guard sum == Self.sum(of: rows) else { return false }
        return memory.store(rows, in: block, page: place.page, tokens: place.tokens, pool: pool)
    }

    private static func sum(of rows: ArraySlice<UInt8>) -> UInt64 { rows.withUnsafeBytes { XXH3.hash($0) } }

    func copy(_ source: BlockNumber, to target: BlockNumber, in pool: borrowing BlockPool) -> Bool {
        guard let extent = memory.extent(of: source), let rows = memory.page(of: source, tokens: extent.tokens) else { return false }
        return memory.store(rows[...], in: target, page: extent.page, tokens: extent.tokens, pool: pool)
    }
}
