import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

@Suite("Normalizers") struct NormalizerTests {
    private func apply(_ steps: [Normalizer.Step], _ text: String, marks: [Int] = []) throws -> (text: String, marks: [Int]) {
        var passage = Normalizer.Passage(text: Array(text.utf8), marks: marks)
        try Normalizer(steps: steps).apply(to: &passage)
        return (String(decoding: passage.text, as: UTF8.self), passage.marks)
    }

    private func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

    @Test(
        "canonical forms are those of the Unicode standard's examples",
        arguments: [
            ("e\u{301}", "\u{E9}", "e\u{301}"), ("\u{1E9B}\u{323}", "\u{1E9B}\u{323}", "\u{17F}\u{323}\u{307}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}", "q\u{323}\u{307}"), ("\u{1E0B}\u{323}", "\u{1E0D}\u{307}", "d\u{323}\u{307}"),
            ("\u{212B}", "\u{C5}", "A\u{30A}"), ("\u{958}", "\u{915}\u{93C}", "\u{915}\u{93C}"),
            ("\u{344}", "\u{308}\u{301}", "\u{308}\u{301}"),
            ("\u{1100}\u{1161}\u{11A8}", "\u{AC01}", "\u{1100}\u{1161}\u{11A8}"),
            ("\u{AC00}\u{11A8}", "\u{AC01}", "\u{1100}\u{1161}\u{11A8}"),
            ("\u{9C7}\u{9BE}", "\u{9CB}", "\u{9C7}\u{9BE}"),
            ("a\u{5AE}\u{300}\u{315}b", "\u{E0}\u{5AE}\u{315}b", "a\u{5AE}\u{300}\u{315}b"),
            ("\u{301}x", "\u{301}x", "\u{301}x"),
        ])
    func forms(text: String, composed: String, decomposed: String) throws {
        #expect(scalars(try apply([.nfc], text).text) == scalars(composed))
        #expect(scalars(try apply([.nfd], text).text) == scalars(decomposed))
        let bytes = Array(text.utf8)
        #expect(!bytes.withUnsafeBufferPointer(CanonicalForm.isComposed) || scalars(text) == scalars(composed))
    }

    @Test("composing what was decomposed gives the composed text", arguments: 0..<200 as Range<UInt64>)
    func together(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let ranges: [ClosedRange<UInt32>] = [
            0x41...0x7A, 0xC0...0x24F, 0x300...0x362, 0x591...0x5C7, 0x900...0x9FF, 0x1100...0x11FF, 0x1E00...0x1FFF,
        ]
        var view = String.UnicodeScalarView()
        for _ in 0..<40 { view.append(UnicodeScalar(UInt32.random(in: ranges.randomElement(using: &random)!, using: &random))!) }
        let text = String(view)
        let composed = try apply([.nfc], text).text
        #expect(scalars(try apply([.nfd, .nfc], text).text) == scalars(composed))
        #expect(scalars(try apply([.nfc], composed).text) == scalars(composed))
        // The standard library's own canonical equivalence.
        #expect(composed == text)
    }

    @Test("a heap of marks is sorted and costs little more than its length") func marks() throws {
        let marks = String(repeating: "\u{301}\u{323}", count: 50_000)
        let sorted = "a" + String(repeating: "\u{323}", count: 50_000) + String(repeating: "\u{301}", count: 50_000)
        #expect(try apply([.nfd], "a" + marks).text.utf8.elementsEqual(sorted.utf8))
    }

    @Test(
        "the beginning is lost with what stood there",
        arguments: [("  ", "", false), ("  ", "_", false), (" ", "_", true), (" ", "", false), ("a", "", true)])
    func beginning(old: String, new: String, keeps: Bool) throws {
        var passage = Normalizer.Passage(text: Array("  a".utf8))
        try Normalizer(steps: [.replace(.literal(LiteralScanner(literal: Array(old.utf8))), Array(new.utf8))]).apply(to: &passage)
        #expect(passage.keepsStart == keeps)
    }

    @Test("places are followed through every step") func places() throws {
        #expect(try apply([.prepend([0x2D])], "ab", marks: [0, 1]) == ("-ab", [0, 2]))
        let blank = Pattern.literal(LiteralScanner(literal: [0x20]))
        #expect(try apply([.replace(blank, Array("▁".utf8))], "a b c", marks: [1, 2, 4, 5]) == ("a▁b▁c", [1, 4, 8, 9]))
        #expect(try apply([.strip(left: true, right: true)], "  ab ", marks: [1, 3, 5]) == ("ab", [0, 1, 2]))
        #expect(try apply([.nfc], "xe\u{301}y", marks: [1, 2, 4, 5]) == ("x\u{E9}y", [1, 3, 3, 4]))
    }
}
