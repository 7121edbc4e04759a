package import ClusterModel

/// What an engine over blocks is told, whatever computes them.
package struct BlockEngineSettings: Sendable {
    package var profile: EngineProfile
    /// That end a text.
    package var endTokens: [TokenID]
    /// The share of blocks that starting a request leaves free, so that what runs can grow before anything is preempted.
    package var watermark = 0.01
    /// The share of blocks that sessions may keep.
    package var sessionShare = 0.5

    /// The profile has one rank.
    package init(_ profile: EngineProfile, endTokens: [TokenID]) {
        self.profile = profile
        self.endTokens = endTokens
    }

    var room: EngineRank { profile.ranks[0] }

    /// A share of the blocks; a share that is none counts as 0 or 1.
    func blocks(_ share: Double) -> Int { share > 0 ? Int(Double(room.totalBlocks) * min(share, 1)) : 0 }
}
