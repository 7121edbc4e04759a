/// What parsers found in an answer, in the order of the text; flat, with memory that is kept from batch to batch.
///
/// Neighbours of one kind are one event, so a batch of tokens costs its client no more events than it changes what it says.
package struct AnswerEvents: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case content
        case reasoning
        /// `id` is the one that the model wrote, where its format has any.
        case callBegan(index: Int, name: String, id: String?)
        /// JSON text of the call that is open.
        case arguments(index: Int)
        case callEnded(index: Int)
    }

    package struct Event: Hashable, Sendable {
        package let kind: Kind
        /// Its text in `bytes`; empty for events that have none.
        package fileprivate(set) var range: Range<Int>
    }

    /// Kinds that have text.
    enum TextKind: Hashable, Sendable { case content, reasoning, arguments(Int) }

    /// The texts of all events, back to back.
    package private(set) var bytes: [UInt8] = []
    package private(set) var list: [Event] = []
    /// Of the last event, if it has text.
    private var open: TextKind?

    package init() {}

    package var isEmpty: Bool { list.isEmpty }

    package func text(of event: Event) -> ArraySlice<UInt8> { bytes[event.range] }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        list.removeAll(keepingCapacity: true)
        open = nil
    }

    mutating func append(_ kind: Kind) {
        open = nil
        list.append(Event(kind: kind, range: bytes.count..<bytes.count))
    }

    /// Text that goes on with what came before, if that was of the same kind.
    @inline(__always)
    mutating func append(_ kind: TextKind, _ byte: UInt8) {
        if kind != open { begin(kind) }
        bytes.append(byte)
        list[list.count - 1].range = list[list.count - 1].range.lowerBound..<bytes.count
    }

    mutating func append(_ kind: TextKind, _ text: some Collection<UInt8>) {
        guard !text.isEmpty else { return }
        if kind != open { begin(kind) }
        bytes.append(contentsOf: text)
        list[list.count - 1].range = list[list.count - 1].range.lowerBound..<bytes.count
    }

    private mutating func begin(_ kind: TextKind) {
        open = kind
        let whole: Kind =
            switch kind {
            case .content: .content
            case .reasoning: .reasoning
            case .arguments(let index): .arguments(index: index)
            }
        list.append(Event(kind: whole, range: bytes.count..<bytes.count))
    }
}
