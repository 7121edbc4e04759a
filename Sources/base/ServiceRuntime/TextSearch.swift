extension StringProtocol {
    /// The first place where `text` stands. What the standard library has for it brings a parser of regular expressions into every program: a
    /// tenth of a router.
    package func place(of text: some StringProtocol) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
