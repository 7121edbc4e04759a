package import ClusterModel

/// The form of an engine's KV state; engines exchange it only if model, build and shape are equal.
package struct EngineKVShape: Hashable, Sendable {
    package enum Element: Hashable, Sendable { case float32, float16, bfloat16, float8e4m3, float8e5m2, int8, opaque }

    package var layers: UInt32
    package var heads: UInt32
    package var headDimension: UInt32
    /// Tokens of one of the engine's pages.
    package var blockTokens: UInt32
    /// One page, all layers.
    package var blockBytes: UInt64
    package var element: Element
    /// The order of a page's bytes, in the engine's words.
    package var layout: String

    package init(
        layers: UInt32, heads: UInt32, headDimension: UInt32, blockTokens: UInt32, blockBytes: UInt64, element: Element, layout: String
    ) {
        self.layers = layers
        self.heads = heads
        self.headDimension = headDimension
        self.blockTokens = blockTokens
        self.blockBytes = blockBytes
        self.element = element
        self.layout = layout
    }
}

/// Some layers of some pages of a request, counted from its first page.
package struct KVSlice: Hashable, Sendable {
    package var firstBlock: UInt32
    package var blockCount: UInt32
    package var firstLayer: UInt32
    package var layerCount: UInt32

    package init(firstBlock: UInt32, blockCount: UInt32, firstLayer: UInt32, layerCount: UInt32) {
        self.firstBlock = firstBlock
        self.blockCount = blockCount
        self.firstLayer = firstLayer
        self.layerCount = layerCount
    }
}

/// What a prefill leg hands to the decode leg beside KV state: the first token of a choice.
package struct KVFirstToken: Hashable, Sendable {
    package var choice: UInt8
    package var token: TokenID
    package var finish: EngineFinish?
    package var logprob: Float?

    package init(choice: UInt8, token: TokenID, finish: EngineFinish? = nil, logprob: Float? = nil) {
        self.choice = choice
        self.token = token
        self.finish = finish
        self.logprob = logprob
    }
}

/// KV state of a request, out of one engine and into another.
package enum KVCommand: Sendable {
    /// Copies a slice out; `EngineEvent.exported` brings its bytes. Only below what `exportable` said.
    case export(EngineRequestKey, KVSlice)
    /// The peer has everything: the request that waited with its state ends `handedOver`.
    case release(EngineRequestKey)
    /// Stores a checked slice into reserved pages; `EngineEvent.stored` follows.
    case store(EngineRequestKey, KVSlice, bytes: [UInt8])
    /// Everything is stored: decode begins, with the first tokens that prefill produced and the engine's own state beside the pages.
    case complete(EngineRequestKey, firstTokens: [KVFirstToken], handOver: [UInt8])
}
