/// Splits the body of an event stream into events as it arrives, by the rules of the HTML standard.
package struct SSEReader: Sendable {
    /// An event; its bytes live as long as the call that is told of it.
    package struct Event {
        /// Lines of data, joined by line feeds.
        package let data: UnsafeRawBufferPointer
        /// Empty for an event without a name.
        package let name: UnsafeRawBufferPointer

        package var text: String { String(decoding: data, as: UTF8.self) }
        /// What ends a stream of OpenAI's.
        package var isDone: Bool { data.elementsEqual("[DONE]".utf8) }
    }

    package struct TooLong: Error, Hashable, Sendable {
        package let limit: Int
    }

    private let limit: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var name: [UInt8] = []
    private var hasData = false
    private var endsWithReturn = false
    private var isFirstLine = true
    /// Comments met, such as keepalives.
    package private(set) var comments = 0

    /// - Parameter limit: of an event's bytes; 1 MiB is a thousand times what is usual.
    package init(limit: Int = 1 << 20) { self.limit = limit }

    package mutating func read(_ bytes: UnsafeRawBufferPointer, _ body: (Event) -> Void) throws(TooLong) {
        var start = 0
        while start < bytes.count {
            // The line feed of a CR LF whose CR ended the last piece, or the last line.
            if endsWithReturn, bytes[start] == 0x0A { start += 1 }
            endsWithReturn = false
            guard start < bytes.count else { return }
            guard let end = bytes[start...].firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else {
                try append(UnsafeRawBufferPointer(rebasing: bytes[start...]))
                return
            }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            guard line.count + piece.count <= limit else { throw TooLong(limit: limit) }
            if line.isEmpty {
                try take(piece, body)
            } else {
                try append(piece)
                var whole: [UInt8] = []
                swap(&whole, &line)
                try whole.withUnsafeBufferPointer { (bytes) throws(TooLong) in try take(UnsafeRawBufferPointer(bytes), body) }
                whole.removeAll(keepingCapacity: true)
                swap(&whole, &line)
            }
            endsWithReturn = bytes[end] == 0x0D
            start = end + 1
        }
    }

    private mutating func append(_ piece: UnsafeRawBufferPointer) throws(TooLong) {
        guard line.count + piece.count <= limit else { throw TooLong(limit: limit) }
        line.append(contentsOf: piece)
    }

    private mutating func take(_ line: UnsafeRawBufferPointer, _ body: (Event) -> Void) throws(TooLong) {
        var line = line
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = UnsafeRawBufferPointer(rebasing: line.dropFirst(3)) }
        }
        guard !line.isEmpty else { return dispatch(body) }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.count
        guard colon > 0 else {
            comments += 1
            return
        }
        var value = line.dropFirst(colon + 1)
        if value.first == 0x20 { value = value.dropFirst() }
        let field = line[..<colon]
        if field.elementsEqual("data".utf8) {
            guard data.count + value.count < limit else { throw TooLong(limit: limit) }
            if hasData { data.append(0x0A) }
            hasData = true
            data.append(contentsOf: value)
        } else if field.elementsEqual("event".utf8) {
            guard value.count <= limit else { throw TooLong(limit: limit) }
            name.removeAll(keepingCapacity: true)
            name.append(contentsOf: value)
        }
    }

    private mutating func dispatch(_ body: (Event) -> Void) {
        if hasData {
            data.withUnsafeBytes { data in name.withUnsafeBytes { name in body(Event(data: data, name: name)) } }
        }
        hasData = false
        data.removeAll(keepingCapacity: true)
        name.removeAll(keepingCapacity: true)
    }
}
