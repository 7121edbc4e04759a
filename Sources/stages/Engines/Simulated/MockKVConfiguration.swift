/// The KV state that a simulated engine can give and take: bytes that follow from the tokens, so that whoever receives them can check them.
package struct MockKVConfiguration: Hashable, Sendable {
    package var layers: UInt32
    /// Of each of keys and values, a byte a number.
    package var headDimension: UInt32
    package var paths: HandOverPaths

    /// By default 64 bytes a token: a block of 64 tokens has 4 KiB.
    package init(layers: UInt32 = 2, headDimension: UInt32 = 16, paths: HandOverPaths = .both) {
        self.layers = layers
        self.headDimension = headDimension
        self.paths = paths
    }

    var capabilities: EngineCapabilities { paths.capabilities }

    /// Of all layers: what the time of a transfer follows from.
    package var bytesPerToken: Int { Int(layers) * bytesPerLayer }
    /// A token's, of one layer.
    var bytesPerLayer: Int { 2 * Int(headDimension) }

    func shape(blockSize: UInt32) -> EngineKVShape {
        EngineKVShape(
            layers: layers, heads: 1, headDimension: headDimension, blockTokens: blockSize,
            blockBytes: UInt64(blockSize) * UInt64(bytesPerToken), element: .int8, layout: "mock: layer, token, keys and values")
    }
}
