package import ClusterModel

/// What a simulated model says before it would make up sentences: tokens that somebody else chose.
struct MockWords: Sendable {
    let tokens: [TokenID]
    /// What ends them; nil: the model's own end of text.
    var end: TokenID?
    /// They end there whatever else is wanted: what follows would break the form that they have.
    var isBound = false
}

/// Turns text into the tokens of a simulated model. Equal to itself alone, since functions cannot be compared.
package final class MockSpelling: Hashable, Sendable {
    private let spell: @Sendable ([UInt8]) -> [TokenID]?

    /// `spell` takes UTF-8 in which nothing is a special token, is called by any thread, and gives nil for what its tokens cannot say to the byte.
    package init(_ spell: @escaping @Sendable ([UInt8]) -> [TokenID]?) { self.spell = spell }

    func tokens(of text: [UInt8]) -> [TokenID]? { spell(text) }

    package static func == (left: MockSpelling, right: MockSpelling) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// How a simulated model begins and ends thoughts, in its tokens.
package struct MockThoughts: Hashable, Sendable {
    /// With what a prompt ends that has begun one already, blanks behind it in all usual ways.
    private let openings: [[TokenID]]
    let closing: [TokenID]

    package init(openings: [[TokenID]], closing: [TokenID]) {
        self.openings = openings.filter { !$0.isEmpty }
        self.closing = closing
    }

    func areOpen(after prompt: [TokenID]) -> Bool { openings.contains { prompt.suffix($0.count).elementsEqual($0) } }
}
