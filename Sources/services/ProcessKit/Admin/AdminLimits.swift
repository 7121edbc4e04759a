/// Bounds of the admin side, each with its reason.
enum AdminLimits {
    /// Probes, a scraper or two, some pages and their streams; more is somebody's mistake.
    static let connections = 256
    /// An order has a few members; nothing else has a use for a body.
    static let bodyBytes = 16 << 10
    /// Of the form by which a browser signs in: three characters for each of a token's, and its name.
    static let loginBytes = 1 << 10
    /// Fewer could be guessed: 32 hexadecimal digits are 128 bits. More are no token, and are not hashed.
    static let tokenCharacters = 32...256
    /// A browser is asked for the token again after so long: a day's work, and no stolen laptop's week.
    static let session = Duration.seconds(12 * 3_600)
    /// Wrong tokens of one address in `triesSpan`; then none of its tokens is looked at until that is over. People mistype twice.
    static let wrongTries = 10
    static let triesSpan = Duration.seconds(60)
    /// Addresses whose wrong tokens are counted apart; those beyond share one count.
    static let countedAddresses = 1_024
    /// A new token holds within twice this, as certificates do.
    static let tokenPoll = Duration.seconds(1)
}
