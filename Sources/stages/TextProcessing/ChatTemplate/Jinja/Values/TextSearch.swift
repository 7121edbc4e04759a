/// Finds texts in texts, and pays for each byte that it looks at: a search may be as long as the product of both lengths.
struct TextSearch {
    let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// Offset of the first occurrence at or behind an offset.
    func first(_ part: TemplateText, in text: TemplateText, from start: Int) throws(TemplateError) -> Int? {
        guard part.count > 0 else { return start <= text.count ? start : nil }
        guard part.count <= text.count - start else { return nil }
        var place = start
        while place <= text.count - part.count {
            let end = min(place + Self.stretch, text.count - part.count + 1)
            let (found, next, looked) = text.storage.withUnsafeBufferPointer { storage in
                part.storage.withUnsafeBufferPointer { pattern in
                    Self.first(
                        UnsafeBufferPointer(rebasing: pattern[part.range]), in: UnsafeBufferPointer(rebasing: storage[text.range]),
                        place..<end)
                }
            }
            try rendering.spend(bytes: looked)
            if let found { return found }
            place = next
        }
        return nil
    }

    /// Offset of the last occurrence that ends at or before an offset.
    func last(_ part: TemplateText, in text: TemplateText, before end: Int) throws(TemplateError) -> Int? {
        guard part.count > 0 else { return end }
        guard part.count <= end else { return nil }
        var place = end - part.count
        let (bytes, pattern) = (text.bytes, part.bytes)
        let (base, begin) = (bytes.startIndex, pattern.startIndex)
        var looked = 0
        while place >= 0 {
            var matched = 0
            while matched < part.count, bytes[base + place + matched] == pattern[begin + matched] { matched += 1 }
            looked += matched + 1
            if matched == part.count || looked > Self.stretch {
                try rendering.spend(bytes: looked)
                looked = 0
                if matched == part.count { return place }
            }
            place -= 1
        }
        try rendering.spend(bytes: looked)
        return nil
    }

    /// Places that are tried between two payments.
    private static let stretch = 4096

    private static func first(
        _ pattern: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, _ places: Range<Int>
    ) -> (found: Int?, next: Int, looked: Int) {
        let byte = pattern[0]
        // Beside one look at each place that was passed.
        var compared = 0
        for place in places where text[place] == byte {
            var matched = 1
            while matched < pattern.count && text[place + matched] == pattern[matched] { matched += 1 }
            compared += matched
            let isFound = matched == pattern.count
            if isFound || compared > 16 * stretch {
                return (isFound ? place : nil, place + 1, compared + place - places.lowerBound)
            }
        }
        return (nil, places.upperBound, compared + places.count)
    }
}
