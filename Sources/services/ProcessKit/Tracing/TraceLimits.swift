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
    /// With their pauses some four to eight seconds where connections are refused at once: a collector that only restarts is back by then. A longer
    /// absence costs this message, and the next ones wait in the buffer meanwhile.
    static let attempts = 5
    /// From the moment at which the process begins to end, which waits for them.
    static let lastAttempts = 2
    /// At most, before the second attempt, and at least half of it; doubled for each one after it, and never more than `longestPause`.
    static let pause = Duration.milliseconds(500)
    /// Also of what a collector asks for: meanwhile the buffer fills.
    static let longestPause = Duration.seconds(30)
    /// For what still waits when the process ends; beside what running work may take.
    static let flush = Duration.seconds(5)
    /// An answer has a counter and a sentence.
    static let answerBytes = 64 << 10
    /// Of a collector's own words that are logged.
    static let reasonBytes = 200
    /// That a collector fails, and that it is well again, are two.
    static let logLines = 2
    static let logMilliseconds: Int64 = 20_000
}
