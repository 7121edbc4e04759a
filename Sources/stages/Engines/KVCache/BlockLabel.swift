package import ClusterModel

/// What tells blocks of equal tokens apart: for whom a sequence was computed, said of its first block, and the media in a block.
package struct BlockLabel: Hashable, Sendable {
    /// The LoRA's name; empty: the base model.
    package var adapter: String
    package var salt: CacheSalt?
    /// Identities of the media in this block, ascending.
    package var media: [UInt64]

    /// Nil where there is nothing to say, as for nearly every block.
    package init?(adapter: String = "", salt: CacheSalt? = nil, media: [UInt64] = []) {
        if adapter.isEmpty, salt == nil, media.isEmpty { return nil }
        self.adapter = adapter
        self.salt = salt
        self.media = media
    }
}

/// A block that a cache can find, by name.
package struct CachedBlock: Hashable, Sendable {
    package var hash: SequenceHash
    /// Nil: it begins a sequence.
    package var parent: SequenceHash?

    package init(hash: SequenceHash, parent: SequenceHash?) {
        self.hash = hash
        self.parent = parent
    }
}
