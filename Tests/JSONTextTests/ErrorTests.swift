import JSONText
import Testing

@Suite("Errors") struct ErrorTests {
    private func error(_ text: String, limits: JSONLimits = .request) -> JSONError? {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text, limits: limits) }
    }

    @Test("the path leads to the value that is wrong")
    func path() {
        let error = error(#"{"model":"m","messages":[1,2,3,{"role":"user","content":"a"# + "\u{1}" + #""}]}"#)
        #expect(error?.code == .controlCharacter)
        #expect(error?.path == "messages[3].content")
        #expect(error?.description == "messages[3].content: a control character in a string must be escaped (line 1, column 59)")
        #expect(self.error("[[0,[tru]]]")?.path == "[0][1][0]")
        #expect(self.error("nope")?.path == "")
        #expect(self.error(#"{"a":1,}"#)?.path == "")
    }

    @Test("line and column count from one, in scalars")
    func position() {
        let error = error("{\n  \"é€𝄞\": x\n}")
        #expect(error?.line == 2)
        #expect(error?.column == 10)
        #expect(error?.offset == 17)
        #expect(error?.code == .unexpectedByte(UInt8(ascii: "x")))
    }

    @Test("a duplicate is named by its path and placed at its second occurrence")
    func duplicate() {
        let error = error(#"{"tools":{"x":1,"y":2,"x":3}}"#)
        #expect(error?.code == .duplicateKey)
        #expect(error?.path == "tools.x")
        #expect(error?.offset == 22)
        #expect(error?.description == "tools.x: the member occurs twice (line 1, column 23)")
    }

    @Test(
        "each code stands for its mistake",
        arguments: [
            ("[1", .unexpectedEnd, 2), ("[1;", .unexpectedByte(UInt8(ascii: ";")), 2), ("1 x", .trailingBytes, 2),
            ("\"\u{2}\"", .controlCharacter, 1),
            (#""ab\q""#, .invalidEscape, 3), (#""ab\ud800""#, .loneSurrogate, 3), ("-x", .invalidNumber, 1), ("00", .invalidNumber, 1),
            ("1.", .unexpectedEnd, 2),
            (#""\u00"#, .unexpectedEnd, 5),
        ] as [(String, JSONError.Code, Int)])
    func codes(_ text: String, _ code: JSONError.Code, _ offset: Int) {
        #expect(error(text)?.code == code)
        #expect(error(text)?.offset == offset)
    }

    @Test("invalid UTF-8 is placed at its first byte, with and without escapes before it")
    func encoding() {
        for prefix in ["", "é", #"\n"#] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + Array(prefix.utf8) + [0xE2, 0x82, 0x22]) }
            #expect(error?.code == .invalidUTF8)
            #expect(error?.offset == 1 + prefix.utf8.count)
        }
    }

    @Test("limits are errors that name themselves")
    func limits() {
        let small = JSONLimits(depth: 2, bytes: 20, values: 4)
        #expect(error("[[[]]]", limits: small)?.code == .tooDeep(limit: 2))
        #expect(error("[[1,[", limits: small)?.path == "[0][1]")
        #expect(error("[1,2,3,4]", limits: small)?.code == .tooManyValues(limit: 4))
        #expect(error(#"{"a":1,"b":2}"#, limits: small)?.code == .tooManyValues(limit: 4))
        let few = JSONLimits(depth: 4, bytes: 100, values: 50, pieces: 4)
        for text in [
            #"{"a":{"b":1}}"#, "[[[]],[],1,2,3]", #"["a","b","c"]"#, "[123456789012345,1,1,1,1,[],[],[]]", "[1234567890123456,[],[]]",
        ] {
            #expect(throws: Never.self, "\(text)") { try JSONValue(parsing: text, limits: few) }
            #expect(error("[\(text)]", limits: few)?.code == .tooManyPieces(limit: 4), "\(text)")
        }
        #expect(error("[                   ]", limits: small)?.code == .tooLarge(limit: 20))
        #expect(error(String(repeating: "1", count: 1_025))?.code == .numberTooLong(limit: 1_024))
        #expect(throws: Never.self) { try JSONValue(parsing: "[[1,2]]             ", limits: small) }
        #expect(throws: Never.self) { try JSONValue(parsing: String(repeating: "1", count: 1_024)) }
    }

    @Test("a description shows no text of the document but an escaped and shortened path")
    func discretion() throws {
        let name = "secret \u{1b}[31m\n" + String(repeating: "x", count: 10_000)
        let nested = "{" + JSONNameText.quoted(name) + ":[\u{7f}]}"
        let found = try #require(error(nested))
        #expect(found.description.utf8.count < 400)
        #expect(found.description.unicodeScalars.allSatisfy { $0 == "…" || ($0.value >= 0x20 && $0.value < 0x7F) })
        #expect(found.path.hasPrefix(#"["secret \u{1B}[31m\n"#))
        let deep = String(repeating: "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":", count: 60)
        #expect(try #require(error(deep)).description.utf8.count < 500)
    }
}

private enum JSONNameText {
    static func quoted(_ name: String) -> String {
        var bytes: [UInt8] = []
        JSONWriter.appendQuoted(name, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
