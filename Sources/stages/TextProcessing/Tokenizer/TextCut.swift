/// A place in a prompt behind which its tokens do not depend on what stands before it, and how many tokens stand before it.
///
/// A cut that one prompt has, another one has too if it begins with the same bytes, in the same runs of trust, up to `reach`: what the first has
/// as tokens before the cut, the other has too, whatever follows. Cuts are behind added tokens that nothing can join to what follows, and between
/// words of plain text (`WordCuts`). The beginning of a prompt is one.
package struct TextCut: Hashable, Sendable {
    package var byte: Int
    package var tokens: Int
    /// Behind the last byte that makes it a cut.
    package var reach: Int

    package static let start = TextCut(byte: 0, tokens: 0)

    package init(byte: Int, tokens: Int, reach: Int? = nil) {
        self.byte = byte
        self.tokens = tokens
        self.reach = reach ?? byte
    }
}
