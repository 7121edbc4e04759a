import Testing
import Transport
import WireProtocol

@Suite("Ends of links in words")
struct LinkEndTests {
    @Test("a peer's words keep their letters and lose what a terminal or a log would obey")
    func words() {
        let controls = [0x00...0x1F, 0x7F...0x9F, 0x2028...0x2029 as ClosedRange<UInt32>].joined().compactMap(Unicode.Scalar.init)
        var text = String.UnicodeScalarView(controls)
        text.append("é")
        let end = LinkEnd.refused(Refuse(.cluster, field: String(text), reason: String(text)))
        let replaced = String(repeating: "?", count: controls.count) + "é"
        #expect("\(end)" == "refused (cluster, field \(replaced)): \(replaced)")
    }
}
