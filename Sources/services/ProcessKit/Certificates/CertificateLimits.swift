/// Bounds of looking after certificates, each with its reason.
enum CertificateLimits {
    /// A certificate that was replaced holds for new connections within twice this: files are believed once two looks found them alike, since
    /// three files are not replaced at one time. A look at their stamps costs microseconds on a pool thread.
    static let poll = Duration.seconds(1)
    /// How often it is counted who was kept from a feed: one line each time at most, however many knock. nng walks all its sockets for it.
    static let strangers = Duration.seconds(10)
    /// Warned of from here on: two weeks are enough for an operator, and longer than what renews by itself leaves (a third of 90 days is 30).
    static let warnedSeconds: Int64 = 14 * 86_400
    /// The warning comes again after this long.
    static let warningInterval = Duration.seconds(86_400)
}
