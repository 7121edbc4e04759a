import CLlama
import ClusterModel

/// Rows for one decode, in memory that is used again.
final class DecodeBatch {
    private var batch: llama_batch
    private let mostRows: Int
    private let mostSequences: Int

    init(rows: Int, sequences: Int) {
        batch = llama_batch_init(Int32(rows), 0, Int32(sequences))
        batch.n_tokens = 0
        mostRows = rows
        mostSequences = sequences
    }

    deinit { llama_batch_free(batch) }

    var count: Int { Int(batch.n_tokens) }

    func removeAll() { batch.n_tokens = 0 }

    /// A token that is computed once, and that all of the sequences have from then on.
    func append(_ token: TokenID, at position: Int, in sequences: [Int32], wantsLogits: Bool) {
        precondition(count < mostRows && !sequences.isEmpty && sequences.count <= mostSequences, "rows as many as a step may have")
        let row = count
        batch.token[row] = llama_token(bitPattern: token)
        batch.pos[row] = Int32(position)
        batch.n_seq_id[row] = Int32(sequences.count)
        for (place, sequence) in sequences.enumerated() { batch.seq_id[row]?[place] = sequence }
        batch.logits[row] = wantsLogits ? 1 : 0
        batch.n_tokens += 1
    }

    func withBatch(_ body: (llama_batch) -> Int32) -> Int32 { body(batch) }
}
