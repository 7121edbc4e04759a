/// First in, first out, in one array whose used front is cut off now and then.
struct Fifo<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { head == elements.count }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() {
        head += 1
        if isEmpty {
            elements.removeAll(keepingCapacity: elements.count <= 1024)
            head = 0
        } else if head >= 64, head >= elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
    }

    /// Keeps the order.
    mutating func removeAll(where isOver: (Element) -> Bool) {
        elements.removeFirst(head)
        head = 0
        elements.removeAll(where: isOver)
    }
}
