/// Bounds of what a worker and the process of its engine say to one another. Either side refuses what is beyond them before it keeps any of it.
package enum EngineFrameLimits {
    /// A request as long as the wire takes, with the hash of each of its tokens; a step with its exported state has the same room.
    package static let frameBytes = 64 << 20
    /// Exported state in one frame: more of a step goes into frames of its own, so that the rest of a frame always has room.
    package static let exportedBytes = 16 << 20
    /// A pair of ends is read so much at a time: what a few steps of many sequences take.
    package static let readBytes = 256 << 10
    /// A name in a greeting, a profile or settings, and a line about what went wrong.
    package static let textBytes = 1 << 10
    package static let pathBytes = 4 << 10
    /// Events, runs and ends of one step: several of each for every sequence of a very large engine.
    package static let itemsPerStep = 1 << 20
    /// Of one step: prefill gives none, decode one a sequence, and speculation some more.
    package static let tokensPerStep = 1 << 20
    /// The candidates of each token, and the token itself.
    package static let scoresPerStep = 4 << 20
    /// A cleared or evicted cache is told block by block: the hashes of a cache of millions.
    package static let hashesPerStep = 4 << 20
}
