import Engines

/// Where the state of a block lies. It may lie in several places, which are alike.
struct BlockPlace {
    /// The number of its page in its sequence.
    let page: Int
    /// That have state, from its first one on.
    var tokens: Int
    /// Lanes that have its cells.
    var lanes: [Int] = []
    var shelf: Int?
    /// Its rows, of a whole page.
    var bytes: [UInt8]?

    var isNowhere: Bool { lanes.isEmpty && shelf == nil && bytes == nil }
}

/// A sequence of llama.cpp in which tokens are computed: blocks one behind the other, from the first page on.
struct Lane {
    var blocks: [BlockNumber] = []
    var tokens = 0
    /// In which run it was last part of a batch.
    var lastUse = 0
}
