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

    /// The texts of all events, back to back.
    package private(set) var bytes: [UInt8] = []
    package private(set) var list: [Event] = []

    package init() {}

    package var isEmpty: Bool { list.isEmpty }

    package func text(of event: Event) -> ArraySlice<UInt8> { bytes[event.range] }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        list.removeAll(keepingCapacity: true)
    }

    mutating func append(_ kind: Kind) { list.append(Event(kind: kind, range: bytes.count..<bytes.count)) }

    /// Text of a kind that goes on with what came before.
    mutating func append(_ kind: Kind, _ byte: UInt8) {
        extend(kind, by: 1)
        bytes.append(byte)
    }

    mutating func append(_ kind: Kind, _ text: some Collection<UInt8>) {
        guard !text.isEmpty else { return }
        extend(kind, by: text.count)
        bytes.append(contentsOf: text)
    }

    private mutating func extend(_ kind: Kind, by count: Int) {
        let end = bytes.count + count
        if let last = list.last, last.kind == kind {
            list[list.count - 1].range = last.range.lowerBound..<end
        } else {
            list.append(Event(kind: kind, range: bytes.count..<end))
        }
    }
}
