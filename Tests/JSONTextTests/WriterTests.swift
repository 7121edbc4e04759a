import JSONText
import Testing

@Suite("Writing") struct WriterTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("commas stand between members and elements and nowhere else")
    func structure() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.number(1)
        writer.key("b")
        writer.beginArray()
        writer.beginArray()
        writer.endArray()
        writer.beginObject()
        writer.endObject()
        writer.bool(true)
        writer.null()
        writer.endArray()
        writer.key("c")
        writer.raw(Array(#"{"ready":1}"#.utf8).span.bytes)
        writer.key("d")
        writer.string("x")
        writer.endObject()
        #expect(text(writer.finish()) == #"{"a":1,"b":[[],{},true,null],"c":{"ready":1},"d":"x"}"#)
    }

    @Test("pretty text has one member a line, two spaces a level, and closed empty brackets")
    func pretty() {
        let value: JSONValue = ["a": 1, "b": [], "c": ["x", ["y": nil]], "d": [:]]
        #expect(
            text(value.encoded(.pretty)) == """
                {
                  "a": 1,
                  "b": [],
                  "c": [
                    "x",
                    {
                      "y": null
                    }
                  ],
                  "d": {}
                }
                """)
    }

    @Test("quotes, backslashes and control characters are escaped at every place of a word, all else is copied")
    func escaping() throws {
        for special in (0..<0x20).map({ UInt8($0) }) + [0x22, 0x5C] {
            for place in 0..<20 {
                var bytes = Array("abcdefghé€𝄞/\u{7f}\u{2028}xyz".utf8)
                bytes.insert(special, at: place <= 8 ? place : bytes.count - place + 9)
                let original = String(decoding: bytes, as: UTF8.self)
                guard original.utf8.elementsEqual(bytes) else { continue }  // the insertion split a character
                let written = JSONValue.string(original).encoded()
                #expect(written.allSatisfy { $0 >= 0x20 })
                #expect(try JSONValue(parsing: written) == .string(original))
            }
        }
        #expect(text(JSONValue.string("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/é").encoded()) == #""\u0000\b\t\n\u000b\f\r\u001f\"\\/é""#)
    }

    @Test("text given as bytes is written as text given as a string")
    func utf8() {
        var writer = JSONWriter()
        writer.string(utf8: Array("a\"é\n".utf8).span.bytes)
        #expect(text(writer.finish()) == #""a\"é\n""#)
        var bytes = Array("data: {\"content\":\"".utf8)
        JSONWriter.appendEscaped("say \"hi\"", to: &bytes)
        #expect(text(bytes) == #"data: {"content":"say \"hi\""#)
    }

    @Test(
        "integers are written digit for digit",
        arguments: [0, 1, 9, 10, 99, 100, 12345, 999_999_999_999, .max, .min, -1, -10] as [Int64])
    func integers(_ value: Int64) {
        var writer = JSONWriter()
        writer.number(value)
        #expect(text(writer.finish()) == String(value))
    }

    @Test("unsigned integers reach their full range", arguments: [UInt64.max, 10_000_000_000_000_000_000, 9_999_999_999_999_999_999])
    func unsigned(_ value: UInt64) {
        var writer = JSONWriter()
        writer.number(value)
        #expect(text(writer.finish()) == String(value))
    }

    @Test("fractions are as short as they can be, and what JSON cannot say is null")
    func fractions() {
        var writer = JSONWriter()
        writer.beginArray()
        writer.number(0.1)
        writer.number(Float(0.1))
        writer.number(1e-7)
        writer.number(1e300)
        writer.number(Double.nan)
        writer.number(-Double.infinity)
        writer.number(Float.infinity)
        writer.endArray()
        #expect(text(writer.finish()) == "[0.1,0.1,1e-07,1e+300,null,null,null]")
    }

    @Test("a writer appends to the buffer it is given, and starts over with the memory kept")
    func reuse() {
        var writer = JSONWriter(appendingTo: Array("data: ".utf8))
        writer.number(7)
        #expect(text(writer.bytes) == "data: 7")
        writer.removeAll()
        writer.beginArray()
        writer.endArray()
        #expect(text(writer.finish()) == "[]")
    }

    @Test("a structure that is not JSON traps")
    func misuse() async {
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.beginObject()
            writer.number(1)
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.beginArray()
            writer.endObject()
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.beginArray()
            _ = writer.finish()
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.number(1)
            writer.number(2)
        }
    }
}
