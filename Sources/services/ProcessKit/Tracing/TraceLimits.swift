/// Bounds of what traces may take; what is beyond them is dropped, and counted.
enum TraceLimits {
    /// Spans that wait: some hundred requests a second for ten seconds, in about 8 MiB.
    static let waitingSpans = 16_384
    /// In one message: some hundred KiB of JSON, which collectors take in one piece.
    static let batchSpans = 512
    /// How long a span waits for others to go with it.
    static let interval = Duration.seconds(1)
    /// For one attempt, from the connection to the end of the answer.
    static let answer = Duration.seconds(5)
    /// A collector that restarts is back before the last one.
    static let attempts = 5
    /// While the process ends, which waits for it.
    static let lastAttempts = 2
    /// Before the second attempt; doubled for each one after it, and never more than `longestPause`.
    static let pause = Duration.milliseconds(500)
    /// Also of what a collector asks for: meanwhile the buffer fills.
    static let longestPause = Duration.seconds(30)
    /// For what still waits when the process ends.
    static let flush = Duration.seconds(5)
    /// An answer has a counter and a sentence.
    static let answerBytes = 64 << 10
    /// Of a collector's own words that are logged.
    static let reasonBytes = 200
}
