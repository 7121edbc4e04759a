import JSONText

/// What a trace may cost its reader. Files are an operator's choice, but a wrong one must end in a line of text and not in a full memory.
package enum TraceLimits {
    /// Of a file as it is read: the largest public trace today has 0.5 GB.
    package static let fileBytes = 1 << 30
    /// Of a packed file's contents: JSON of hash ids shrinks five to ten times.
    package static let unpackedBytes = 2 << 30
    /// Of one line: two million ids, a hundred times the longest prompt there is.
    static let lineBytes = 16 << 20
    /// Of one object on a line.
    static let line = JSONLimits(depth: 4, bytes: lineBytes, values: 4 << 20)
    /// Tokens of one prompt or answer: sixteen times the longest context that is served anywhere.
    static let tokens: UInt64 = 16 << 20
    /// In all: 10 million requests are two days of 60 a second, and about a gigabyte.
    static let requests = 10_000_000
    /// Stamps are of this many nanoseconds at most, 200 years: those counted from 1970 fit, and sums do not overflow.
    static let stampNanoseconds: Int64 = 200 * 365 * 86_400 * 1_000_000_000
    /// Names of columns quoted in messages are cut here.
    static let quotedBytes = 40
}
