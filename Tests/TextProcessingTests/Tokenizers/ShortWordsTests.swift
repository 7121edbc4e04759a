import ClusterModel
import Testing

@testable import TextProcessing

@Suite("Short words") struct ShortWordsTests {
    @Test("letters of ASCII are told from all other bytes, at each of eight places") func letters() {
        for place in 0..<8 {
            for byte in UInt8.min...UInt8.max {
                var bytes = [UInt8](repeating: UInt8(ascii: "z"), count: 8)
                bytes[place] = byte
                let isLetter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8.contains(byte)
                let found = bytes.withUnsafeBufferPointer { ByteWord.letters(ByteWord.load($0.baseAddress!)) }
                #expect(found == (isLetter ? 8 : place), "\(byte) at \(place)")
            }
        }
    }

    @Test("words of up to eight bytes are known by all of their bytes, longer ones not") func known() {
        let words = ShortWords()
        func find(_ text: String, _ length: Int) -> TokenID? { with(text) { words.token($0, length) } }
        with("blankets") { words.insert($0, 5, 7) }
        #expect(find("blank", 5) == 7 && find("blanket", 5) == 7)
        #expect(find("blanks", 6) == nil && find("blan", 4) == nil && find("plank", 5) == nil)
        with("blankets") { words.insert($0, 8, 8) }
        #expect(find("blankets", 8) == 8 && find("blank", 5) == 7)
        with("blanketss") { words.insert($0, 9, 9) }
        #expect(find("blanketss", 9) == nil && find("blankets", 8) == 8)
        // Zeros are bytes as others, and not those behind the end of a word.
        with("\0") { words.insert($0, 1, 1) }
        #expect(find("\0", 1) == 1 && find("\0\0", 2) == nil)
    }

    @Test("a table that is too small for its words never takes one for another") func crowded() {
        let words = ShortWords()
        var found = 0
        for round in 0..<2 {
            for number in 0..<UInt32(2 * TextLimits.shortWords) {
                with(String(number)) { text in
                    let known = words.token(text, String(number).utf8.count)
                    #expect(known == nil || known == number)
                    if round > 0, known != nil { found += 1 }
                    words.insert(text, String(number).utf8.count, number)
                }
            }
        }
        #expect(found > 0)
    }

    private func with<Result>(_ text: String, _ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        var bytes = Array(text.utf8)
        bytes.append(contentsOf: repeatElement(0x78, count: PaddedBytes.padding))
        return bytes.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
