import WireProtocol

/// Bounds of recordings, and the reasons for them.
package enum RecordLimits {
    /// The hashes of the longest prompt, and what stands beside them.
    package static let lineBytes = Limits.promptBlocks * digitsPerHash + (64 << 10)
    /// What a recorder writes unless it is told otherwise: some hours of a busy cluster.
    package static let fileBytes = 1 << 30
    /// Nobody records more in one file.
    package static let largestFile = 64 << 30
    /// Hexadecimal, without anything between two hashes.
    static let digitsPerHash = 16

    package static let routers = 16
    package static let models = 256
    /// Lives of workers: each restart is one more.
    package static let workers = Limits.workerIDs
    package static let ranks = Limits.ranks
    /// Attempts and their legs, and some more for routers that place what was placed.
    static let legs = 16
    static let nameBytes = Limits.nameBytes
    /// Names of policies, as routers know them.
    static let wordBytes = 64

    /// No moment and no duration is longer; what a peer says to be longer counts as this.
    static let longest = Duration.seconds(366 * 86_400)

    /// Requests that a recorder follows at once; more are counted.
    package static let openRequests = 65_536
    /// Hashes of all open requests together, 64 MiB; past it prompts are cut, which only hides what they share behind the cut.
    package static let heldHashes = 8 << 20
    /// Sessions and tenants that get numbers, each.
    package static let names = 65_536
    /// What sessions of one worker said to hold in the last moment.
    static let recentHolds = 256

    /// Requests and hashes of a file that is read whole: half a gibibyte of hashes.
    package static let requests = 16 << 20
    package static let hashes = 64 << 20
}
