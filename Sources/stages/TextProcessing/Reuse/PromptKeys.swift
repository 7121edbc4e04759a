import ClusterModel

/// What finds a prompt again: for each of its first blocks a hash of everything up to the block's end.
struct PromptKeys: Sendable {
    /// By block; none for prompts that are not remembered.
    let list: [UInt64]

    init(_ prompt: PromptText, _ group: UInt64) {
        guard TextLimits.rememberedPromptBytes.contains(prompt.utf8.count) else {
            list = []
            return
        }
        let size = TextLimits.promptBlockBytes, bytes = prompt.utf8.span.bytes
        var hash = group ^ (prompt.addsSpecials ? 1 : 0)
        list = (0..<bytes.byteCount / size).map { block in
            hash = XXH3.hash(bytes.extracting(block * size..<(block + 1) * size), seed: hash)
            return hash
        }
    }
}
