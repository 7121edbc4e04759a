/// What the events of an engine elsewhere may cost us, each with its reason.
package enum EngineEventLimits {
    /// A load that was said longer ago is not believed; servers say theirs several times a second while they work.
    static let loadAge = Duration.seconds(6)
    /// Of one message, all frames together. A prompt of a million tokens is one event of at most five megabytes.
    package static let messageBytes = 16 << 20
    /// Engines send two to four.
    package static let framesPerMessage = 8
    /// Hashes of one event: a prompt of a million tokens in blocks of four.
    package static let hashesPerEvent = 1 << 18
    /// Tokens of one event, as above.
    package static let tokensPerEvent = 1 << 20
    /// Events of one batch are read one by one and kept nowhere; it is the time that is bounded.
    package static let eventsPerBatch = 1 << 18
    /// Fields of an event; there are fifteen in 2026.
    package static let fieldsPerEvent = 64
    /// Names of types, media, adapters and salts.
    package static let textBytes = 1_024
    /// What makes a block more than its tokens: an adapter, a salt, media.
    package static let extraKeysPerBlock = 256
    /// A block hash as bytes; engines use SHA-256.
    package static let hashBytes = 32

    /// The greeting and what follows it, until messages may come.
    package static let handshake = Duration.seconds(5)
    package static let connect = Duration.seconds(5)
    /// A peer whose host is gone says nothing of it: it is asked so often,
    package static let heartbeat = Duration.seconds(10)
    /// and given up when so many questions in a row had no answer.
    package static let unansweredHeartbeats = 3
    /// Between attempts to connect: from, and doubled up to; each with jitter up to itself again.
    package static let firstPause = Duration.milliseconds(200)
    package static let longestPause = Duration.seconds(10)

    /// Live batches that wait while a replay is read. Past it they are dropped, and the gap that they leave is replayed in its turn.
    package static let heldBatches = 1_024
    package static let heldBytes = 32 << 20
    /// Digests of the latest batches, by which one that comes twice is known: more than can wait during a replay.
    package static let knownBatches = 4_096
    /// A replay that says nothing for so long has failed.
    package static let replaySilence = Duration.seconds(10)
    /// Engines keep ten thousand batches unless told otherwise; a replay of more than this is no replay.
    package static let replayedBatches = 1_000_000
    /// Replays in a row that did not bring us up to date; then the cache counts as empty.
    package static let replayAttempts = 3
    /// Without news for so long, an engine that can replay is asked whether there are any: a last batch that was lost shows by nothing else.
    package static let quietCheck = Duration.seconds(30)
    /// An engine whose events cannot be had for so long is not believed to hold what it held.
    package static let awayPatience = Duration.seconds(30)

    /// Lines of each kind in a log: what goes on has metrics.
    package static let logLines = 5
    package static let logMilliseconds: Int64 = 60_000

    /// Changes that wait to be taken; past it nothing is read, and the engine's own queue fills.
    package static let waitingChanges = 1 << 18
    /// Salts whose meaning is kept: the cache groups that were asked for last.
    package static let knownSalts = 8_192

    /// Blocks that are followed beside those that an engine says it has, since it may name a new one before it says that an old one went.
    package static func followedBlocks(of total: Int) -> Int { total + max(1_024, total / 8) }
}
