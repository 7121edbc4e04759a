/// The names of a CSV file's columns, and where they stand. The traces' fields hold no commas, so none is quoted.
struct CSVHeader {
    let names: [String]

    init(_ lines: inout TraceLines) throws(TraceError) {
        guard let line = try lines.next() else { throw TraceError("the file is empty") }
        names = lines.withBytes(line) { CSVHeader.names(in: $0) }
    }

    static func names(in line: RawSpan) -> [String] {
        // A header is short; a file of one endless line is none.
        let text = line.extracting(first: 4_096)
        return text.withUnsafeBytes { bytes in
            bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    func place(of name: String) throws(TraceError) -> Int {
        guard let place = names.firstIndex(of: name) else { throw TraceError(line: 1, column: name, "there is no such column") }
        guard names.lastIndex(of: name) == place else { throw TraceError(line: 1, column: name, "the column stands there twice") }
        return place
    }
}

/// The fields of one line, each as a range of its bytes; reused from line to line.
struct CSVFields {
    private var ranges: [Range<Int>] = []

    mutating func split(_ line: RawSpan, number: Int, columns: Int) throws(TraceError) {
        ranges.removeAll(keepingCapacity: true)
        var begin = 0
        while ranges.count <= columns {
            let end = line.firstIndex(of: UInt8(ascii: ","), from: begin) ?? line.byteCount
            ranges.append(begin..<end)
            guard end < line.byteCount else { break }
            begin = end + 1
        }
        guard ranges.count == columns else {
            let found = ranges.count > columns ? "more" : "\(ranges.count)"
            throw TraceError(line: number, "has \(found) fields, not \(columns)")
        }
    }

    @_lifetime(copy line)
    func text(_ place: Int, of line: RawSpan) -> RawSpan { line.extracting(ranges[place]) }

    func tokens(_ place: Int, _ name: String, of line: RawSpan, number: Int) throws(TraceError) -> UInt32 {
        guard let value = DecimalText.whole(text(place, of: line), atMost: TraceLimits.tokens), let tokens = UInt32(exactly: value)
        else {
            throw TraceError(line: number, column: name, "is no number of tokens from 0 to \(TraceLimits.tokens)")
        }
        return tokens
    }
}
