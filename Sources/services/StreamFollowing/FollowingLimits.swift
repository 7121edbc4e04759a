import Transport

/// Bounds of those who follow streams, and the reasons for them.
package enum FollowingLimits {
    /// Streams that are recovered at once by one process; the others wait for their turn.
    package static let recoveriesAtOnce = 8
    /// Batches of one stream that wait for what is missing before them. Past it the stream is joined anew.
    package static let heldBytes = 4 << 20
    /// The same of all streams that share a gate: a thousand streams that lose something together hold no more than this.
    package static let heldBytesTogether = 64 << 20
    /// What one batch costs beside its bytes: its array, its place in a list, and the work of finding that place.
    static let heldOverhead = 256
    /// One part of a replay, or one page of a snapshot: 256 KiB over a poor link. A peer that is gone is noticed sooner by its link.
    static let answer = Duration.seconds(8)
    /// 64 million blocks. A publisher that goes on naming a next page is lying.
    static let snapshotPages = 16_384
    /// Before another recovery of the same stream; doubles each time.
    static let firstPause = Duration.milliseconds(200)
    package static let longestPause = Duration.seconds(10)
    /// Where only a link was lost: nobody is spared by waiting for longer.
    static let longestLinkPause = Duration.milliseconds(800)
    /// A stream that was in step for this long has its pauses forgiven.
    static let forgiven = Duration.seconds(4)
    /// Tries of one replay, and new links of one snapshot, before the stream is joined anew.
    static let linkTries = 3
    /// A recovery link that nothing was asked on for this long is closed: a gap seldom comes alone.
    static let linkIdle = Duration.seconds(3)
    /// Two beats that say less than is known, this far apart at least, are two beats and not one that came twice.
    static let backwardSpan = TransportLimits.beat / 2
    /// So many batches in a row, each behind the other and all of them known: the numbers have begun again. More than a network repeats.
    static let repeatedBatches = 8
    /// Snapshots that one clear after the other spoils, and that are begun again without a pause.
    static let spoiltSnapshots = 3
}
