/// A pattern as code: where the match ends that begins at a place, if one does.
protocol PretokenScanner {
    /// `place` is before the end of `text`; the result is `place` itself if nothing matches there. Time in all over a text is linear in it.
    func match(_ text: ScalarText, at place: Int) -> Int
}

extension PretokenScanner {
    /// Calls `body` with every match and with what is between matches, in order; stops once it returns false.
    @inline(__always)
    func pieces(of text: ScalarText, from start: Int, _ body: (_ start: Int, _ end: Int, _ isMatch: Bool) -> Bool) {
        var place = start
        while place < text.end {
            var end = match(text, at: place)
            let isMatch = end > place
            if !isMatch { end = nextMatch(in: text, behind: place) }
            guard body(place, end, isMatch) else { return }
            place = end
        }
    }

    /// Where the next pieces end: as many as there is room for, or up to the end of the text.
    @inline(__always)
    func ends(of text: ScalarText, from start: Int, into ends: OwnedBuffer<Int>) -> Int {
        let room = ends.capacity, ends = ends.base
        var place = start, count = 0
        while place < text.end, count < room {
            let end = match(text, at: place)
            place = end > place ? end : nextMatch(in: text, behind: place)
            ends[count] = place
            count = count &+ 1
        }
        return count
    }

    /// Where the next match begins, or the end.
    @inline(never)
    private func nextMatch(in text: ScalarText, behind start: Int) -> Int {
        var place = start
        repeat { place += UTF8Scalar.length(text.base[place]) } while place < text.end && match(text, at: place) == place
        return place
    }
}

extension ScalarText {
    /// `\s*[\r\n]+|\s+(?!\S)|\s+` where a blank stands.
    @inline(__always)
    func blanksByLine(from start: Int) -> Int { blanks(from: start, byLine: true) }

    /// `\s+(?!\S)|\s+` where a blank stands: the last blank before a word is left to it.
    @inline(__always)
    func blanks(from start: Int, byLine: Bool = false) -> Int {
        var place = start
        var lastStart = start
        var lineEnd = start
        while place < end {
            let (kind, length) = at(place)
            guard kind & ScalarKind.space != 0 else { break }
            lastStart = place
            place = place &+ length
            if kind & ScalarKind.newline != 0 { lineEnd = place }
        }
        if byLine, lineEnd > start { return lineEnd }
        return place == end || lastStart == start ? place : lastStart
    }

    /// Behind `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `place`; `place` if there is none. Where case does not matter, U+017F is an s.
    @inline(__always)
    func contraction(at place: Int, ignoringCase: Bool) -> Int {
        guard base[place] == UInt8(ascii: "'"), place &+ 1 < end else { return place }
        let fold: UInt8 = ignoringCase ? 0x20 : 0
        let first = base[place &+ 1]
        switch first | fold {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return place &+ 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"):
            return place &+ 2 < end && base[place &+ 2] | fold == UInt8(ascii: "e") ? place &+ 3 : place
        case UInt8(ascii: "l"): return place &+ 2 < end && base[place &+ 2] | fold == UInt8(ascii: "l") ? place &+ 3 : place
        default: return ignoringCase && first == 0xC5 && place &+ 2 < end && base[place &+ 2] == 0xBF ? place &+ 3 : place
        }
    }

    /// Behind up to `most` numbers from `place`, where one stands.
    @inline(__always)
    func numbers(from place: Int, atMost most: Int) -> Int {
        var place = place
        var count = 0
        while place < end, count < most {
            let (kind, length) = at(place)
            guard kind & ScalarKind.number != 0 else { break }
            place = place &+ length
            count = count &+ 1
        }
        return place
    }
}
