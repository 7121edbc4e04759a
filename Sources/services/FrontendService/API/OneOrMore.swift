/// What a call asks for: one thing as a rule, which is put on no heap, or one for each prompt of a list.
struct OneOrMore<Element> {
    let first: Element
    let others: [Element]

    init(_ first: Element, _ others: [Element] = []) {
        self.first = first
        self.others = others
    }

    var count: Int { 1 + others.count }
    var isOne: Bool { others.isEmpty }

    func map<Other, Failure>(_ transform: (Element) throws(Failure) -> Other) throws(Failure) -> OneOrMore<Other> {
        let first = try transform(first)
        guard !others.isEmpty else { return OneOrMore<Other>(first) }
        return OneOrMore<Other>(first, try others.map(transform))
    }
}

extension OneOrMore: Sendable where Element: Sendable {}

extension OneOrMore: Sequence {
    struct Iterator: IteratorProtocol {
        fileprivate var first: Element?
        fileprivate var others: IndexingIterator<[Element]>

        mutating func next() -> Element? {
            guard let element = first else { return others.next() }
            first = nil
            return element
        }
    }

    func makeIterator() -> Iterator { Iterator(first: first, others: others.makeIterator()) }
}
