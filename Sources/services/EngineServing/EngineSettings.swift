package import ClusterModel
package import WireProtocol

/// What an engine in a process of its own is told before it is made. A number of 0 leaves it to the engine.
package struct EngineSettings: WireRecord, Hashable {
    package enum KVType: UInt8, WireEnum { case f16 = 1, f32, q8 }

    package var modelName = ""
    /// The file of the weights, as a path of this machine.
    package var weightsPath = ""
    package var blockSize: UInt32 = 0
    package var contextLength: UInt32 = 0
    package var blocks: UInt32 = 0
    package var sequences: UInt32 = 0
    package var batchedTokens: UInt32 = 0
    package var waiting: UInt32 = 0
    /// That end a text, beside those that the weights name.
    package var endTokens: [TokenID] = []
    package var kvType = KVType.f16
    package var flashAttention = true
    package var threads: UInt32 = 0
    package var gpuLayers: UInt32 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("modelName", &modelName, atMost: Limits.nameBytes)
        try coder.text("weightsPath", &weightsPath, atMost: EngineFrameLimits.pathBytes)
        try coder.u32("blockSize", &blockSize)
        try coder.u32("contextLength", &contextLength)
        try coder.u32("blocks", &blocks)
        try coder.u32("sequences", &sequences)
        try coder.u32("batchedTokens", &batchedTokens)
        try coder.u32("waiting", &waiting)
        try coder.u32s("endTokens", &endTokens, atMost: Limits.stopTokens)
        try coder.choice("kvType", &kvType)
        try coder.bool("flashAttention", &flashAttention)
        try coder.u32("threads", &threads)
        try coder.u32("gpuLayers", &gpuLayers)
    }
}
