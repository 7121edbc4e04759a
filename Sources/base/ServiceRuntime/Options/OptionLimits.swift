/// Every bound of option handling, with its reason.
package enum OptionLimits {
    /// A configuration file; the largest sensible one is a few KiB, so more is the wrong file.
    package static let configFileBytes = 1 << 20
    /// A secret; a key or a token is far smaller, so more is the wrong file.
    package static let secretFileBytes = 64 << 10
    /// Values of one list option.
    package static let listValues = 4_096
    /// Longest name that gets a "did you mean": the comparison is quadratic, and no option is half as long.
    package static let suggestionCharacters = 64
    /// Characters of a wrong value that a message repeats: enough to find it, never a pasted file.
    package static let quotedCharacters = 80
    /// Width of `--help`: fits a terminal of 100 columns and a code block of a page.
    package static let helpColumns = 100
    /// Column at which the text of an option begins; longer labels stand on a line of their own.
    package static let helpTextColumn = 36
}
