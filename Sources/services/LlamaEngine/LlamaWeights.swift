import CLlama
import ClusterModel

/// A model that llama.cpp has loaded. Used by one thread.
final class LlamaWeights {
    let model: OpaquePointer
    private let vocabulary: OpaquePointer

    init(path: String, gpuLayers: UInt32) throws(LlamaError) {
        var parameters = llama_model_default_params()
        parameters.n_gpu_layers = Int32(clamping: gpuLayers)
        guard let model = llama_model_load_from_file(path, parameters) else { throw .weights(path) }
        guard let vocabulary = llama_model_get_vocab(model) else {
            llama_model_free(model)
            throw .weights(path)
        }
        self.model = model
        self.vocabulary = vocabulary
        try check()
    }

    deinit { llama_model_free(model) }

    /// Blocks are found by their place in a sequence, and each has all of its keys and values: what forgets them, or sums them up, fits no block.
    private func check() throws(LlamaError) {
        if llama_model_is_recurrent(model) { throw .architecture("recurrent state") }
        if llama_model_is_hybrid(model) { throw .architecture("recurrent state beside attention") }
        if llama_model_is_diffusion(model) { throw .architecture("diffusion") }
        if llama_model_has_encoder(model) { throw .architecture("an encoder") }
        if llama_model_n_swa(model) > 0 { throw .architecture("a sliding window of attention") }
    }

    var contextLength: UInt32 { UInt32(clamping: llama_model_n_ctx_train(model)) }
    var vocabularySize: UInt32 { UInt32(clamping: llama_vocab_n_tokens(vocabulary)) }
    var keyHeads: UInt32 { UInt32(clamping: llama_model_n_head_kv(model)) }
    var headDimension: UInt32 {
        UInt32(clamping: llama_model_n_embd(model)) / max(1, UInt32(clamping: llama_model_n_head(model)))
    }

    /// That end a text or a turn, by the weights' own word.
    var endTokens: [TokenID] {
        var tokens: [TokenID] = []
        for token in [llama_vocab_eos(vocabulary), llama_vocab_eot(vocabulary)] {
            if let token = TokenID(exactly: token), !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }

    /// How positions turn keys, as the weights say it: state is of use only to those that turn alike.
    var rotation: String {
        let family = text(of: "general.architecture") ?? "?"
        let keys = ["freq_base", "scaling.type", "scaling.factor"]
        return keys.map { text(of: "\(family).rope.\($0)") ?? "-" }.joined(separator: ",")
    }

    private func text(of key: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: LlamaLimits.metadataBytes) { buffer in
            let length = llama_model_meta_val_str(model, key, buffer.baseAddress, buffer.count)
            guard length >= 0 else { return nil }
            let count = min(Int(length), buffer.count - 1)
            return String(decoding: buffer[..<count].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
