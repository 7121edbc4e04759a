/// What one document may cost its reader; passing a limit is a `JSONError`, never a big allocation first.
package struct JSONLimits: Sendable, Hashable {
    /// Arrays and objects inside each other, the outermost counted as 1.
    package let depth: Int
    /// Length of the whole text in bytes.
    package let bytes: Int
    /// Values and member names together. A tree costs about 40 bytes for each, so this is what bounds memory.
    package let values: Int
    /// Of those the ones with memory of their own: names, strings, arrays, objects, and numbers too long for the tree. Each takes as much time as
    /// ten short numbers, so this is what bounds time.
    package let pieces: Int

    /// The reader and every walk over a tree recurse once per level; this many levels fit any thread's stack, so no caller may ask for more.
    package static let deepest = 256
    /// Longest number text in bytes: far beyond any real number's 25, and short enough that converting it costs nothing worth bounding.
    package static let numberBytes = 1024

    /// Numbers up to here are kept in the tree.
    static let shortNumberBytes = 15

    /// `depth` is lowered to `deepest` where it is larger. Without a limit of their own, all values may be pieces.
    package init(depth: Int, bytes: Int, values: Int, pieces: Int? = nil) {
        self.depth = min(depth, JSONLimits.deepest)
        self.bytes = bytes
        self.values = values
        self.pieces = pieces ?? values
    }

    /// For text from outside: 64 levels, 32 MiB (the largest HTTP body), a million values (about 40 MiB of tree), since prompts may be tokens, and a
    /// quarter of that with memory of their own: 16,384 messages with a call in every other one. No such text takes a tenth of a second.
    package static let request = JSONLimits(depth: 64, bytes: 32 << 20, values: 1 << 20, pieces: 1 << 18)

    /// For files the operator chose, such as a tokenizer with half a million merges of three values each.
    package static let file = JSONLimits(depth: 64, bytes: 256 << 20, values: 16 << 20)
}
