/// Bounds of what an engine's server may take of this process.
package enum ServerLimits {
    /// Answers under way. A server that takes no more than some hundred requests at once queues the others itself; beyond this they are placed
    /// elsewhere.
    static let answers = 4_096
    /// Kept for the next request: opening one costs a round trip.
    static let idleConnections = 256
    /// For questions of our own at one time: checks, figures, and requests that are to be dropped.
    static let questions = 32
    /// Of these, for what is only said.
    static let remarks = 16
    static let connect = Duration.seconds(2)
    /// Of an answer's beginning to end. Requests have limits of their own, which are shorter as a rule.
    static let answer = Duration.seconds(3_600)
    /// An event has some tokens, and twenty candidates for each at the most.
    package static let eventBytes = 1 << 20
    /// A server that has taken a question says so at once by the head of its answer. One that does not may have taken it all the same.
    static let taken = Duration.milliseconds(250)
    /// A server waits for the other one of a split request, and gives up by itself at some time.
    static let meeting = Duration.seconds(300)
    /// Of an answer that comes in one piece: one token, and what another server needs to fetch the state of a long prompt.
    static let answerBytes = 4 << 20
    /// Of an answer that says what is wrong.
    static let refusalBytes = 64 << 10
    /// Of what a server says of itself; metrics of many ranks are the longest.
    package static let questionBytes = 8 << 20
    /// Between the last token and the counts that follow it, or the end of the connection's answer.
    static let afterLast = Duration.seconds(2)
    /// A request that has to reach its server although nobody waits for it any more.
    static let delivery = Duration.seconds(5)
    /// For a question of ours.
    package static let question = Duration.seconds(5)
    /// Between two questions whether it is well; a server whose event loop is busy answers late.
    static let check = Duration.seconds(2)
    /// Checks without an answer in a row: then it is away. A connection that is refused says so at once.
    static let missedChecks = 3
    /// Between two attempts to reach a server that loads, or is away.
    static let pause = Duration.seconds(1)
    /// Figures older than this are not believed.
    static let figuresAge = Duration.seconds(6)
    /// Of a server's own words about a field.
    static let fieldBytes = 64
    /// Lines of one kind in a log each ten seconds.
    static let logLines = 3
    static let logMilliseconds: Int64 = 10_000
}
