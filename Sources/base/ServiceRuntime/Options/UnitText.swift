/// A whole number followed by a unit, as durations and byte sizes are written: `250ms`, `64KiB`.
struct UnitText {
    let number: UInt64
    let unit: String

    /// `nil` unless the text is digits and then letters, and the digits fit 64 bits.
    init?(_ text: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = UInt64(text[..<digits.endIndex]) else { return nil }
        let unit = text[digits.endIndex...]
        guard unit.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }) else { return nil }
        self.number = number
        self.unit = String(unit)
    }
}
