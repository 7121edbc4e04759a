import ClusterModel
import EventLoop
import WireProtocol

/// One session that is bound to this worker: who may name it, where its blocks are, and until when it lives.
@LoopActor
final class Session {
    let key: SessionKey
    /// What the engine calls it, and what tells one binding of a key from a later one: ascends, and is never given twice.
    let bindCounter: UInt64
    let rank: UInt32
    let adapter: String
    let salt: [UInt8]
    var timeToLive: Duration
    /// Of its expiry: slides with each request, and waits while one runs.
    var timer: TimerHandle?
    /// Requests that name it and have not ended.
    var running = 0
    /// Blocks that the engine keeps for it, as it last said.
    var heldBlocks: UInt32 = 0
    /// Set when it is to end with the last of its requests.
    var endsAfterRequests: SessionEndReason?

    init(_ question: OpenSession, bindCounter: UInt64, timeToLive: Duration) {
        key = question.key
        self.bindCounter = bindCounter
        rank = question.rank
        adapter = question.loRA
        salt = question.salt
        self.timeToLive = timeToLive
    }

    var ttlSeconds: UInt32 { UInt32(clamping: timeToLive.inMilliseconds / 1_000) }

    /// As the stream and a snapshot state it.
    var bound: SessionBound {
        SessionBound(key: key, rank: rank, bindCounter: bindCounter, ttlSeconds: ttlSeconds, heldBlocks: heldBlocks)
    }
}
