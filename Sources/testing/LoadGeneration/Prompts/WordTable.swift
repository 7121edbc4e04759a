import ClusterModel

/// Text of any length that follows from a number: common words, which every tokenizer knows, and no byte that JSON would escape.
struct WordTable: Sendable {
    /// Each padded to a word of the machine: its letters and a space, and how many bytes that is.
    private let entries: [(letters: UInt64, count: Int)]

    /// 128 words: seven bits each, so that a few of them tell blocks apart.
    private static let words: StaticString = """
        able about above act add after again age ago air all also among and animal answer any area ask away baby back ball bank base bear \
        beat bed begin best bird black blood blue boat body book both bottom box boy bring brown build busy buy call came can car care \
        carry case cat catch cause cell cent center chair change chart check child city claim class clean clear climb clock close cloud coat \
        cold color come common copy corn cost could count course cover cow cross cry cut dance dark day dead deal dear deep did die direct \
        do doctor dog dollar door down draw dream dress drink drive drop dry duck each ear early earth ease east eat edge egg eye \
        face fact fair fall far
        """

    init() {
        let text = UnsafeRawBufferPointer(start: Self.words.utf8Start, count: Self.words.utf8CodeUnitCount)
        entries = text.split(separator: 0x20).prefix(128).map { word in
            var letters: UInt64 = 0
            for (place, letter) in (Array(word) + [0x20]).enumerated() { letters |= UInt64(letter) << UInt64(8 * place) }
            return (letters, word.count + 1)
        }
        precondition(entries.count == 128 && entries.allSatisfy { $0.count <= 8 }, "a word and its space fit a machine word")
    }

    /// Appends the first `count` bytes of the text that `id` stands for.
    func append(_ count: Int, of id: UInt64, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0x20, count: count))
        bytes.withUnsafeMutableBytes { memory in
            let place = UnsafeMutableRawBufferPointer(rebasing: memory[start...])
            entries.withUnsafeBufferPointer { fill(place, id, $0) }
        }
    }

    private func fill(_ place: UnsafeMutableRawBufferPointer, _ id: UInt64, _ entries: UnsafeBufferPointer<(letters: UInt64, count: Int)>) {
        var random = SeededRandom(seed: id), at = 0
        while true {
            // Nine words a number.
            var bits = random.next()
            for _ in 0..<9 {
                let entry = entries[Int(bits & 127)]
                bits >>= 7
                if at + 8 <= place.count {
                    place.storeBytes(of: entry.letters.littleEndian, toByteOffset: at, as: UInt64.self)
                } else {
                    // The last bytes, one by one.
                    for offset in 0..<min(entry.count, place.count - at) {
                        place[at + offset] = UInt8(truncatingIfNeeded: entry.letters >> UInt64(8 * offset))
                    }
                }
                at += entry.count
                if at >= place.count { return }
            }
        }
    }
}
