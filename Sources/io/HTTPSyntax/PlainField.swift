/// Fields as nearly all clients send them, each read in one pass over its line.
enum PlainField {
    /// The field that begins at `start`, and where the next line does. Nil for one that is unusual or not there as a whole before `end`: what is
    /// wrong with it, if anything is, the lines' reader tells.
    @inline(__always)
    static func read(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> (FieldTable.Entry, next: Int)? {
        var colon = ByteScan.endOfLetters(bytes, from: start, to: end)
        guard colon < end else { return nil }
        if ByteScan.byte(bytes, colon) != UInt8(ascii: ":") {
            while colon < end, ByteClass.token.contains(ByteScan.byte(bytes, colon)) { colon &+= 1 }
            guard colon < end, ByteScan.byte(bytes, colon) == UInt8(ascii: ":") else { return nil }
        }
        guard colon > start else { return nil }
        var first = colon &+ 1
        while first < end, HTTPText.isBlank(ByteScan.byte(bytes, first)) { first &+= 1 }
        var last = ByteScan.endOfPlain(bytes, from: first, to: end)
        guard last &+ 1 < end, ByteScan.byte(bytes, last) == 0x0D, ByteScan.byte(bytes, last &+ 1) == 0x0A else { return nil }
        let next = last &+ 2
        while last > first, HTTPText.isBlank(ByteScan.byte(bytes, last &- 1)) { last &-= 1 }
        return (FieldTable.Entry(name: place(start, colon), value: place(first, last)), next)
    }

    /// A head is shorter than 32 bits can count: `HeadReader` sees to it.
    @inline(__always)
    private static func place(_ start: Int, _ end: Int) -> Range<Int32> {
        Range(uncheckedBounds: (Int32(truncatingIfNeeded: start), Int32(truncatingIfNeeded: end)))
    }
}
