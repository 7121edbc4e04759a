import CLlama

/// Memory for keys and values, and what computes them: llama.cpp's context. Its sequences are numbers, each a set of cells with one position each;
/// one cell may be of many sequences. Used by one thread.
///
/// llama.cpp ends the process if it is called in a way that it does not expect: whoever calls this keeps to what each call says.
final class LlamaContext {
    /// What a decode came to.
    enum Outcome: Hashable {
        case done
        /// There are not enough free cells; nothing has changed.
        case noRoom
        case failed(Int32)
    }

    /// Of one context.
    static var mostSequences: UInt32 { UInt32(clamping: llama_max_parallel_sequences()) }

    private let weights: LlamaWeights
    private let context: OpaquePointer
    private let memory: OpaquePointer
    let sequences: Int
    let vocabularySize: Int

    /// - Parameter cells: tokens of all sequences together, where shared ones count once.
    init(_ weights: LlamaWeights, _ settings: LlamaSettings, cells: UInt32, sequences: UInt32, batchedTokens: UInt32) throws(LlamaError) {
        var parameters = llama_context_default_params()
        parameters.n_ctx = cells
        // It takes no batch that is smaller than its sequences are many, and keeps room for what could follow each.
        parameters.n_batch = max(batchedTokens, sequences)
        parameters.n_outputs_max = sequences
        parameters.n_ubatch = min(batchedTokens, LlamaLimits.tilesTokens)
        parameters.n_seq_max = sequences
        parameters.n_threads = Int32(clamping: settings.threads)
        parameters.n_threads_batch = Int32(clamping: settings.threads)
        parameters.flash_attn_type = settings.flashAttention ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.type_k = settings.cacheType.type
        parameters.type_v = settings.cacheType.type
        // Sequences share cells only in one memory for all.
        parameters.kv_unified = true
        parameters.no_perf = true
        guard let context = llama_init_from_model(weights.model, parameters) else {
            throw .context("keys and values as \(settings.cacheType.rawValue), \(cells) tokens; its log says more")
        }
        guard let memory = llama_get_memory(context), llama_n_ctx(context) >= cells else {
            llama_free(context)
            throw .context("it has no memory for \(cells) tokens")
        }
        self.weights = weights
        self.context = context
        self.memory = memory
        self.sequences = Int(sequences)
        vocabularySize = Int(weights.vocabularySize)
    }

    deinit { llama_free(context) }

    // MARK: Cells

    /// The target has these cells of the source as well.
    func share(_ positions: Range<Int>, of source: Int32, with target: Int32) {
        llama_memory_seq_cp(memory, source, target, Int32(positions.lowerBound), Int32(positions.upperBound))
    }

    func remove(_ positions: Range<Int>, from sequence: Int32) {
        _ = llama_memory_seq_rm(memory, sequence, Int32(positions.lowerBound), Int32(positions.upperBound))
    }

    func removeAll(from sequence: Int32) { _ = llama_memory_seq_rm(memory, sequence, -1, -1) }

    /// The last position of which it has a cell; nil: it has none.
    func lastPosition(of sequence: Int32) -> Int? {
        let position = llama_memory_seq_pos_max(memory, sequence)
        return position < 0 ? nil : Int(position)
    }

    // MARK: State

    /// Of all cells of a sequence, as llama.cpp writes it.
    func state(of sequence: Int32) -> [UInt8] {
        let size = llama_state_seq_get_size(context, sequence)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = llama_state_seq_get_data(context, buffer.baseAddress, size, sequence)
        }
    }

    /// In place of what the sequence had. False if there is no room, or it is no such state.
    func restore(_ state: [UInt8], to sequence: Int32) -> Bool {
        state.withUnsafeBufferPointer { llama_state_seq_set_data(context, $0.baseAddress, $0.count, sequence) } > 0
    }

    // MARK: Computing

    /// Each row's position follows the last one of its sequences.
    func decode(_ batch: DecodeBatch) -> Outcome {
        switch batch.withBatch({ llama_decode(context, $0) }) {
        case 0: .done
        case 1: .noRoom
        case let code: .failed(code)
        }
    }

    /// Of a row of the last batch that wanted it, one number a token of the vocabulary.
    func logits(ofRow row: Int32) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: llama_get_logits_ith(context, row), count: vocabularySize)
    }
}

extension LlamaSettings.CacheType {
    fileprivate var type: ggml_type {
        switch self {
        case .f16: GGML_TYPE_F16
        case .f32: GGML_TYPE_F32
        case .q8: GGML_TYPE_Q8_0
        }
    }
}
