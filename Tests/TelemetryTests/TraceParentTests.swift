import ClusterModel
import Telemetry
import Testing

@Suite("traceparent, as W3C Trace Context has it")
struct TraceParentTests {
    private static let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("one of version 00 is read, and written as it was")
    func roundTrip() throws {
        let parent = try #require(TraceParent(parsing: Self.good))
        #expect(parent.trace.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(parent.span.description == "b7ad6b7169203331" && parent.isSampled)
        #expect(parent.text == Self.good)
        let unsampled = try #require(TraceParent(parsing: String(Self.good.dropLast(2)) + "00"))
        #expect(!unsampled.isSampled && unsampled.text.hasSuffix("-00"))
        #expect(TraceParent(parsing: Self.good.dropFirst(0)) == parent, "a part of a text is read as one")
    }

    @Test("ids are sixteen and eight bytes, half of which may be zero")
    func halves() throws {
        for trace in ["00000000000000000000000000000001", "10000000000000000000000000000000"] {
            #expect(TraceParent(parsing: "00-\(trace)-b7ad6b7169203331-01")?.trace.description == trace)
        }
    }

    @Test(
        "whatever is not well formed counts as none",
        arguments: [
            ("", "nothing"),
            ("00", "the version alone"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "one digit too few"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011", "one digit too many"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", "version 00 ends there"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "version 00 has nothing more"),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a version that never will be"),
            ("0F-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a version in upper case"),
            ("0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a version of other letters"),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more", "a later version goes on behind a dash"),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", "no trace"),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "no span"),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "a trace in upper case"),
            ("00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01", "a span in upper case"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A", "flags in upper case"),
            ("00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", "a trace with another letter"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333.-01", "a span with another sign"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", "flags with another letter"),
            ("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no dash behind the version"),
            ("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", "no dash behind the trace"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01", "no dash behind the span"),
            (" 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a blank in front"),
            ("00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01", "a dash in the wrong place"),
            ("00-0af7651916cd43dd8448eb211c8031é-b7ad6b7169203331-01", "another alphabet"),
        ])
    func refused(text: String, why: String) {
        #expect(TraceParent(parsing: text) == nil, "\(why)")
    }

    @Test("a later version is read as far as it is known, and said as version 00")
    func later() {
        for text in [
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
        ] {
            #expect(TraceParent(parsing: text)?.text == Self.good)
        }
    }

    @Test("of the flags only the known one counts, and no other is passed on")
    func flags() {
        let head = Self.good.dropLast(2)
        for (flags, isSampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("fe", false), ("ff", true)] {
            let parent = TraceParent(parsing: head + flags)
            #expect(parent?.isSampled == isSampled && parent?.text == head + (isSampled ? "01" : "00"))
        }
    }

    @Test("every cut and every damaged byte is none, or another well-formed one, and never a trap")
    func damage() {
        let bytes = Array(Self.good.utf8)
        for end in bytes.indices { #expect(TraceParent(parsing: String(decoding: bytes[..<end], as: UTF8.self)) == nil) }
        for place in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var damaged = bytes
                damaged[place] = byte
                let text = String(decoding: damaged, as: UTF8.self)
                guard let parent = TraceParent(parsing: text), text.hasPrefix("00") else { continue }
                #expect(parent.text.dropLast(2) == text.dropLast(2), "\(text)")
            }
        }
    }

    @Test("drawn ids follow from their seed, and none is the one that names nothing")
    func drawn() {
        func ids(_ seed: UInt64) -> [String] {
            var random = SeededRandom(seed: seed)
            return (0..<100).map { _ in "\(TraceID(using: &random))\(SpanID(using: &random))" }
        }
        #expect(ids(1) == ids(1) && Set(ids(1) + ids(2)).count == 200)
        #expect(TraceID(high: 0, low: 0) == nil && SpanID(0) == nil)
        var zeros = Zeros()
        #expect(TraceID(using: &zeros).low != 0 && SpanID(using: &zeros).rawValue != 0)
    }

    private struct Zeros: RandomNumberGenerator { mutating func next() -> UInt64 { 0 } }
}
