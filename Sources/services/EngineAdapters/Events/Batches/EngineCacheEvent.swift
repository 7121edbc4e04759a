package import ClusterModel

/// What an engine elsewhere says of its cache, one event at a time.
package enum EngineCacheEvent: Hashable, Sendable {
    case stored(StoredBlocks)
    case removed(RemovedBlocks)
    case allCleared
    /// Of a type that we do not know: by the rule of its senders it may be passed over.
    case unknown
    /// An event that we cannot read, and what came. That blocks came may be missed, that blocks went may not.
    case unreadable(EngineEventError, mayRemove: Bool)
}

/// Blocks that came, one behind the other.
package struct StoredBlocks: Hashable, Sendable {
    package var hashes: [EngineBlockHash] = []
    /// Nil: they begin a prompt.
    package var parent: EngineBlockHash?
    /// Of all blocks together. Empty where the engine names known blocks that came to another medium.
    package var tokens: [TokenID] = []
    package var blockSize = 0
    /// Numbers of older engines, which say nothing of the adapter's name.
    package var adapterNumber: Int64?
    package var adapterName: String?
    package var place = BlockPlace()
    /// One a block; nil: the engine does not say.
    package var extraKeys: [BlockExtraKeys]?
    /// What kind of attention keeps the blocks; nil: the engine does not say.
    package var attention: String?
    package var slidingWindow: Int64?

    package init() {}
}

package struct RemovedBlocks: Hashable, Sendable {
    package var hashes: [EngineBlockHash] = []
    package var place = BlockPlace()

    package init() {}
}

/// Where blocks lie, in the engine's words.
package struct BlockPlace: Hashable, Sendable {
    /// Nil: as `GPU`, which is all that older engines have.
    package var medium: String?
    /// Engines whose layers differ keep a group of blocks for each kind of layer.
    package var group: Int64?
    package var locality: String?

    package init(medium: String? = nil, group: Int64? = nil, locality: String? = nil) {
        self.medium = medium
        self.group = group
        self.locality = locality
    }
}

/// What a block is told apart by beside its tokens.
package struct BlockExtraKeys: Hashable, Sendable {
    package var texts: [String]
    /// Anything else, such as a medium with its place: we cannot name what it stands for.
    package var others: Int

    package init(texts: [String] = [], others: Int = 0) {
        self.texts = texts
        self.others = others
    }
}

/// Why a batch or an event of an engine was not read.
package struct EngineEventError: Error, Hashable, Sendable, CustomStringConvertible {
    package let field: String
    package let cause: MessagePackError?

    package init(_ field: String, _ cause: MessagePackError? = nil) {
        self.field = field
        self.cause = cause
    }

    package var description: String { cause.map { "\(field): \($0)" } ?? "\(field) is missing" }
}
