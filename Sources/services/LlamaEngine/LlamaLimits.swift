/// Bounds of what the engine asks of llama.cpp.
enum LlamaLimits {
    /// Tokens that pass through the layers at a time; a batch of more is cut by llama.cpp. Its own usual number.
    static let tilesTokens: UInt32 = 512
    /// Sequences in which cached blocks stay, for each that can run. Of blocks with one page number only so many can be kept in place; the state
    /// of others is kept as bytes beside llama.cpp. Each sequence that it has to count makes a step slower.
    static let shelvesPerLane: UInt32 = 2
    /// Threads of one step: beyond this the machine has no such number of cores.
    static let threads: UInt32 = 1_024
    /// Of one block: longer ones are found by nobody.
    static let blockTokens: UInt32 = 4_096
    /// Of a text in a file's metadata that is part of what the engine calls its build: all of them fit into a name on the wire.
    static let metadataBytes = 32
}
