import ClusterModel

/// Computes tokens through all layers of a model: keys and values into the cache, and what could follow into `logits`.
///
/// Each row's numbers depend on its own sequence alone, bit for bit: not on the rows beside it, nor on where its blocks lie.
final class ForwardPass: BlockComputer {
    private let model: LlamaModel
    let cache: PagedCache
    private let rotation: Rotation
    private let hidden: FloatBuffer
    private let normed: FloatBuffer
    private let query: FloatBuffer
    private let attended: FloatBuffer
    private let key: FloatBuffer
    private let value: FloatBuffer
    private let gate: FloatBuffer
    private let up: FloatBuffer
    private let angles: FloatBuffer
    private let scores: FloatBuffer
    private var logits = FloatBuffer(count: 0)
    private var filledLogits = 0

    /// So many rows pass through the layers at a time: their numbers stay in the caches of a processor.
    private static let tile = 32

    init(_ model: LlamaModel, _ cache: PagedCache) {
        let shape = model.shape
        self.model = model
        self.cache = cache
        rotation = Rotation(dimensions: shape.rotatedDimensions, base: shape.rotationBase)
        hidden = FloatBuffer(count: Self.tile * shape.width)
        normed = FloatBuffer(count: Self.tile * shape.width)
        query = FloatBuffer(count: Self.tile * shape.queryWidth)
        attended = FloatBuffer(count: Self.tile * shape.queryWidth)
        key = FloatBuffer(count: Self.tile * shape.keyWidth)
        value = FloatBuffer(count: Self.tile * shape.keyWidth)
        gate = FloatBuffer(count: Self.tile * shape.feedForward)
        up = FloatBuffer(count: Self.tile * shape.feedForward)
        angles = FloatBuffer(count: Self.tile * shape.rotatedDimensions)
        scores = FloatBuffer(count: shape.contextLength)
    }

    func run(_ batch: ForwardBatch, in pool: borrowing BlockPool) {
        if logits.count < batch.logitsCount * model.shape.vocabulary {
            logits = FloatBuffer(count: batch.logitsCount * model.shape.vocabulary)
        } else {
            logits.start.update(repeating: 0, count: batch.logitsCount * model.shape.vocabulary)
        }
        filledLogits = 0
        for first in stride(from: 0, to: batch.rows.count, by: Self.tile) {
            runTile(batch.rows[first..<min(first + Self.tile, batch.rows.count)], batch.blocks)
        }
    }

    func logits(_ index: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: logits.start + index * model.shape.vocabulary, count: model.shape.vocabulary)
    }

    // MARK: A tile

    private func runTile(_ rows: ArraySlice<ForwardBatch.Row>, _ blocks: [BlockNumber]) {
        let shape = model.shape, width = shape.width
        for (place, row) in rows.enumerated() {
            let first = Int(row.token) * width
            for index in 0..<width { hidden.start[place * width + index] = model.tokens[first + index] }
            rotation.angles(at: row.position, into: angles.start + place * shape.rotatedDimensions)
        }
        for (index, layer) in model.layers.enumerated() {
            attend(rows, blocks, layer, index)
            feedForward(rows.count, layer)
        }
        for (place, row) in rows.enumerated() where row.wantsLogits {
            VectorMath.normalize(hidden.start + place * width, model.outputNorm, epsilon: shape.normEpsilon, to: normed.start)
            model.output.add(normed.start, rows: 1, to: logits.start + filledLogits * shape.vocabulary)
            filledLogits += 1
        }
    }

    private func attend(_ rows: ArraySlice<ForwardBatch.Row>, _ blocks: [BlockNumber], _ layer: LlamaModel.Layer, _ index: Int) {
        let shape = model.shape
        normalize(rows.count, layer.attentionNorm)
        multiply(layer.query, normed, rows.count, into: query)
        multiply(layer.key, normed, rows.count, into: key)
        multiply(layer.value, normed, rows.count, into: value)
        for (place, row) in rows.enumerated() {
            let turned = angles.start + place * shape.rotatedDimensions
            let keys = key.start + place * shape.keyWidth
            rotation.turn(query.start + place * shape.queryWidth, count: shape.heads, dimension: shape.headDimension, by: turned)
            rotation.turn(keys, count: shape.keyHeads, dimension: shape.headDimension, by: turned)
            let block = blocks[row.firstBlock + row.position / cache.blockSize]
            let inside = row.position % cache.blockSize * shape.keyWidth
            (cache.keys(block, layer: index) + inside).update(from: keys, count: shape.keyWidth)
            (cache.values(block, layer: index) + inside).update(from: value.start + place * shape.keyWidth, count: shape.keyWidth)
        }
        attended.start.update(repeating: 0, count: rows.count * shape.queryWidth)
        for (place, row) in rows.enumerated() { look(back: row, place, blocks, layer: index) }
        layer.attentionOutput.add(attended.start, rows: rows.count, to: hidden.start)
    }

    /// Each head weighs the values of all positions up to its own.
    private func look(back row: ForwardBatch.Row, _ place: Int, _ blocks: [BlockNumber], layer: Int) {
        let shape = model.shape, size = shape.headDimension, count = row.position + 1, blockSize = cache.blockSize
        let scale = 1 / Float(size).squareRoot(), scores = scores.start
        for head in 0..<shape.heads {
            let offset = head / shape.headsPerKey * size
            let wanted = query.start + place * shape.queryWidth + head * size
            let result = attended.start + place * shape.queryWidth + head * size
            for first in stride(from: 0, to: count, by: blockSize) {
                let keys = cache.keys(blocks[row.firstBlock + first / blockSize], layer: layer) + offset
                for inside in 0..<min(blockSize, count - first) {
                    scores[first + inside] = VectorMath.dot(wanted, keys + inside * shape.keyWidth, size) * scale
                }
            }
            VectorMath.softmax(scores, count)
            for first in stride(from: 0, to: count, by: blockSize) {
                let values = cache.values(blocks[row.firstBlock + first / blockSize], layer: layer) + offset
                for inside in 0..<min(blockSize, count - first) {
                    VectorMath.add(values + inside * shape.keyWidth, times: scores[first + inside], to: result, size)
                }
            }
        }
    }

    private func feedForward(_ rows: Int, _ layer: LlamaModel.Layer) {
        normalize(rows, layer.feedForwardNorm)
        multiply(layer.gate, normed, rows, into: gate)
        multiply(layer.up, normed, rows, into: up)
        VectorMath.swish(gate.start, times: up.start, rows * model.shape.feedForward)
        layer.down.add(gate.start, rows: rows, to: hidden.start)
    }

    private func normalize(_ rows: Int, _ weights: [Float]) {
        for row in 0..<rows {
            let first = row * weights.count
            VectorMath.normalize(hidden.start + first, weights, epsilon: model.shape.normEpsilon, to: normed.start + first)
        }
    }

    private func multiply(_ matrix: Matrix, _ source: FloatBuffer, _ rows: Int, into result: FloatBuffer) {
        result.start.update(repeating: 0, count: rows * matrix.outputs)
        matrix.add(source.start, rows: rows, to: result.start)
    }
}
