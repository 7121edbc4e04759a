/// A model of the llama architecture: its shape and its weights, all of them as 32-bit numbers.
package struct LlamaModel: Sendable {
    struct Layer: Sendable {
        let attentionNorm: [Float]
        let query: Matrix
        let key: Matrix
        let value: Matrix
        let attentionOutput: Matrix
        let feedForwardNorm: [Float]
        let gate: Matrix
        let up: Matrix
        let down: Matrix
    }

    let shape: LlamaShape
    /// What each token is at first.
    let tokens: [Float]
    let layers: [Layer]
    let outputNorm: [Float]
    let output: Matrix
    /// That end a text, as the file says.
    package let endTokens: [UInt32]

    /// Refuses a file with a tensor that it would not use: what it computed without it would be another model's.
    package init(_ file: GGUFFile) throws(WeightsError) {
        let shape = try LlamaShape(of: file)
        var tensors = ModelTensors(file)
        self.shape = shape
        tokens = try tensors.numbers("token_embd.weight", [shape.width, shape.vocabulary])
        outputNorm = try tensors.numbers("output_norm.weight", [shape.width])
        // Without one of their own, outputs have the weights of the tokens.
        output =
            tensors.has("output.weight")
            ? try tensors.matrix("output.weight", from: shape.width, to: shape.vocabulary)
            : Matrix(rows: tokens, inputs: shape.width, outputs: shape.vocabulary)
        var layers: [Layer] = []
        for index in 0..<shape.layers { layers.append(try Layer(index, shape, &tensors)) }
        self.layers = layers
        try tensors.checkAllUsed()
        endTokens = try Self.endTokens(file, shape)
    }

    package var contextLength: Int { shape.contextLength }
    package var vocabularySize: Int { shape.vocabulary }

    private static let endKeys = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"]

    private static func endTokens(_ file: GGUFFile, _ shape: LlamaShape) throws(WeightsError) -> [UInt32] {
        var tokens: [UInt32] = []
        for key in endKeys {
            guard let value = file.metadata[key] else { continue }
            guard let token = value.count.flatMap(UInt32.init(exactly:)), token < shape.vocabulary else {
                throw WeightsError(key, .unfit("a token of the vocabulary"))
            }
            if !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }
}

extension LlamaModel.Layer {
    fileprivate init(_ index: Int, _ shape: LlamaShape, _ tensors: inout ModelTensors) throws(WeightsError) {
        let prefix = "blk.\(index)."
        attentionNorm = try tensors.numbers(prefix + "attn_norm.weight", [shape.width])
        query = try tensors.matrix(prefix + "attn_q.weight", from: shape.width, to: shape.queryWidth)
        key = try tensors.matrix(prefix + "attn_k.weight", from: shape.width, to: shape.keyWidth)
        value = try tensors.matrix(prefix + "attn_v.weight", from: shape.width, to: shape.keyWidth)
        attentionOutput = try tensors.matrix(prefix + "attn_output.weight", from: shape.queryWidth, to: shape.width)
        feedForwardNorm = try tensors.numbers(prefix + "ffn_norm.weight", [shape.width])
        gate = try tensors.matrix(prefix + "ffn_gate.weight", from: shape.width, to: shape.feedForward)
        up = try tensors.matrix(prefix + "ffn_up.weight", from: shape.width, to: shape.feedForward)
        down = try tensors.matrix(prefix + "ffn_down.weight", from: shape.feedForward, to: shape.width)
    }
}

/// The tensors of a file, each of which is taken once and in the form that the model needs.
private struct ModelTensors {
    private let file: GGUFFile
    private var left: Set<String>

    init(_ file: GGUFFile) {
        self.file = file
        left = Set(file.tensors.keys)
    }

    func has(_ name: String) -> Bool { left.contains(name) }

    mutating func numbers(_ name: String, _ dimensions: [Int]) throws(WeightsError) -> [Float] {
        guard let tensor = file.tensors[name] else { throw WeightsError(name, .missing) }
        guard tensor.dimensions == dimensions else {
            throw WeightsError(name, .unfit("of \(dimensions.map(String.init).joined(separator: " × "))"))
        }
        left.remove(name)
        return file.numbers(of: tensor)
    }

    mutating func matrix(_ name: String, from inputs: Int, to outputs: Int) throws(WeightsError) -> Matrix {
        Matrix(rows: try numbers(name, [inputs, outputs]), inputs: inputs, outputs: outputs)
    }

    func checkAllUsed() throws(WeightsError) {
        if let name = left.min() { throw WeightsError(name, .unsupported) }
    }
}
