/// What computes tokens and keeps their state by blocks, under the reference engine's scheduler: its own forward pass, or another program.
package protocol BlockComputer: AnyObject {
    /// Parts of a page that go over one by one.
    var layers: Int { get }
    /// Of one layer of a page.
    var bytesPerLayer: Int { get }

    /// Computes all rows: what is before a row's position is in its blocks, or comes before it in the batch. Of the rows that want it, in their
    /// order, `logits(_:)` has what could follow, up to the next run.
    func run(_ batch: ForwardBatch, in pool: borrowing BlockPool) throws(EngineFailure)

    /// One number a token of the vocabulary.
    func logits(_ index: Int) -> UnsafeBufferPointer<Float>

    /// One layer of a page whose first so many tokens have state; zeros behind them. False where it is not to be had.
    func append(_ block: BlockNumber, layer: Int, tokens: Int, to bytes: inout [UInt8], in pool: borrowing BlockPool) -> Bool

    /// Takes one layer of a page into a block that was taken for it, from bytes of which there are enough from `offset` on. False where it cannot
    /// be taken.
    func store(_ block: BlockNumber, at place: PagePlace, from bytes: [UInt8], at offset: Int, in pool: borrowing BlockPool) -> Bool

    /// Another block has the state of the source from here on. False where it is not to be had.
    func copy(_ source: BlockNumber, to target: BlockNumber, in pool: borrowing BlockPool) -> Bool

    /// Where the state of single tokens is, if it can go over; nil: only that of blocks can.
    var tokenStates: (any TokenStates)? { get }
}

extension BlockComputer {
    package var tokenStates: (any TokenStates)? { nil }
}

/// The state of tokens, one by one.
package protocol TokenStates: AnyObject {
    /// Numbers of a token's keys in a layer; its values are as many.
    var keyWidth: Int { get }
    func appendToken(_ index: Int, of block: BlockNumber, to bytes: inout [UInt8])
    /// From bytes of which there are enough from `offset` on.
    func storeToken(_ index: Int, of block: BlockNumber, from bytes: [UInt8], at offset: Int)
}

/// Where a part of a page lies in its sequence.
package struct PagePlace: Hashable, Sendable {
    package var page: Int
    package var layer: Int
    /// That have state in this page, from its first one on.
    package var tokens: Int
}
