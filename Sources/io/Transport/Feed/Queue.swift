/// First in, first out, without moving the rest at every removal.
struct Queue<Element> {
    /// Nil where one has left: what is taken or dropped is let go at once.
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { head == elements.count }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head == elements.count {
            removeAll()
        } else if head > 1024, head > elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func removeAll() {
        elements.removeAll()
        head = 0
    }
}

/// Bytes that leave at the front.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var head = 0

    var count: Int { bytes.count - head }
    var isEmpty: Bool { head == bytes.count }

    /// Takes them all: `more` comes back empty.
    mutating func append(_ more: inout [UInt8]) {
        if isEmpty {
            swap(&bytes, &more)
            head = 0
        } else {
            bytes.append(contentsOf: more)
        }
        more.removeAll(keepingCapacity: true)
    }

    mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(bytes[head..<(head + count)])
        head += count
        if head == bytes.count {
            removeAll()
        } else if head > 1 << 20 {
            bytes.removeFirst(head)
            head = 0
        }
        return taken
    }

    mutating func removeAll() {
        bytes.removeAll()
        head = 0
    }
}
