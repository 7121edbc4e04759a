package import EventLoop
package import StreamFollowing
package import WireProtocol

/// A reader's picture of one worker, kept in the plainest way, which also judges what it is told.
@LoopActor
package final class WorkerMirror: StreamMirror {
    package private(set) var picture = WorkerPicture()
    package private(set) var state = StreamState.listening
    /// Snapshots that were begun, and finished ones with the numbers at which they stood.
    package private(set) var restarts = 0
    package private(set) var completions: [UInt64] = []
    package private(set) var notices: [String] = []
    /// What a stream that is clean and in order never holds. Empty is good.
    package private(set) var violations: [String] = []
    /// Seen with each snapshot that is complete.
    package var whenCompleted: (@LoopActor (UInt64) -> Void)?
    /// Seen with each event.
    package var whenApplied: (@LoopActor (WorkerEvent, UInt64) -> Void)?
    private var isJoining = true
    private var last: UInt64 = 0
    /// The last number that any page of this snapshot contains.
    private var newestPage: UInt64 = 0

    package init() {}

    private func violation(_ words: String) {
        if violations.count < 20 { violations.append(words) }
    }

    // MARK: StreamMirror

    package func restarted(_ follower: StreamFollower) {
        picture = WorkerPicture()
        restarts += 1
        isJoining = true
        last = 0
        newestPage = 0
    }

    package func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        if !isJoining { violation("a page behind the last one") }
        newestPage = max(newestPage, page.sequence)
        for entry in page.entries { picture.apply(entry) }
    }

    package func completed(through number: UInt64, _ follower: StreamFollower) {
        isJoining = false
        last = number
        completions.append(number)
        whenCompleted?(number)
    }

    package func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {
        if isJoining { violation("event \(number) before the snapshot was complete") }
        if number < last { violation("event \(number) behind \(last)") }
        last = number
        if let strange = picture.apply(event) { violation("event \(number): \(strange)") }
        whenApplied?(event, number)
    }

    package func follower(_ follower: StreamFollower, became state: StreamState) {
        self.state = state
        // Between its pages a picture is of no one moment.
        if state == .inStep, follower.position < newestPage { violation("in step at \(follower.position), before \(newestPage)") }
    }

    package func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        notices.append("\(notice)")
        if notices.count > 1_000 { notices.removeFirst(500) }
    }
}
