/// What one document may cost its reader; passing a limit is a `JSONError`, never a big allocation first.
package struct JSONLimits: Sendable, Hashable {
    /// Arrays and objects inside each other, the outermost counted as 1.
    package let depth: Int
    /// Length of the whole text in bytes.
    package let bytes: Int
    /// Values and member names together. A tree costs about 40 bytes for each, so this is what bounds memory.
    package let values: Int

    /// The reader and every walk over a tree recurse once per level; this many levels fit any thread's stack, so no caller may ask for more.
    package static let deepest = 256
    /// Longest number text in bytes: far beyond any real number's 25, and short enough that converting it costs nothing worth bounding.
    package static let numberBytes = 1024

    /// `depth` is lowered to `deepest` where it is larger.
    package init(depth: Int, bytes: Int, values: Int) {
        self.depth = min(depth, JSONLimits.deepest)
        self.bytes = bytes
        self.values = values
    }

    /// For text from outside: 64 levels, 32 MiB (the largest HTTP body), and a million values (about 40 MiB of tree).
    package static let request = JSONLimits(depth: 64, bytes: 32 << 20, values: 1 << 20)

    /// For files the operator chose, such as a tokenizer with half a million merges of three values each.
    package static let file = JSONLimits(depth: 64, bytes: 256 << 20, values: 16 << 20)
}
