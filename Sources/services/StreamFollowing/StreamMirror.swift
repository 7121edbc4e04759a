package import EventLoop
package import Transport
package import WireProtocol

/// What a follower's mirror is worth now.
package enum StreamState: Hashable, Sendable {
    /// Nothing of this life of the publisher was heard yet.
    case listening
    /// Something is missing, and is being made up.
    case resyncing
    /// Everything that the publisher is known to have said was applied.
    case inStep
    case closed
}

/// What follows from a stream: an index, a ledger, a picture in a test. It is told only what is clean, and in order.
///
/// A mirror begins empty. After `restarted` come the pages of a snapshot and one `completed`, then events; then events go on until the next
/// `restarted`. While the state is not `inStep` the mirror lacks something, and between two pages it may hold what the other one corrects.
@LoopActor
package protocol StreamMirror: AnyObject, Sendable {
    /// What was known is over; what comes now tells all of it anew.
    func restarted(_ follower: StreamFollower)
    /// A page of the snapshot. Its entries replace nothing: before `completed` each is told once.
    func apply(_ page: SnapshotPage, from follower: StreamFollower)
    /// The snapshot is whole: it holds every event up to `number`, and of some keys later ones, which are not told again.
    func completed(through number: UInt64, _ follower: StreamFollower)
    /// The next events. This is how nearly all of them come.
    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower)
    /// One event of a worker: what is left of it where a page held the rest.
    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower)
    /// Told on each change.
    func follower(_ follower: StreamFollower, became state: StreamState)
    /// Whether the publisher was heard within its time; told on each change.
    func follower(_ follower: StreamFollower, heard verdict: Liveness.Verdict)
    /// For logs and metrics.
    func follower(_ follower: StreamFollower, noted notice: StreamNotice)
}

@LoopActor
extension StreamMirror {
    package func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        var events = batch.workerEvents
        while let (event, number) = events.next() { apply(event, number: number, from: follower) }
    }
    package func follower(_ follower: StreamFollower, heard verdict: Liveness.Verdict) {}
    package func follower(_ follower: StreamFollower, noted notice: StreamNotice) {}
}
