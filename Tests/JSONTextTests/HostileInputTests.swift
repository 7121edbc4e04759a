import JSONText
import Testing

@Suite("Hostile input") struct HostileInputTests {
    /// Every kind of token, escape and encoding length.
    static let rich = Array(
        #"""
        {"id":"x-1","n":[0,-1,2.50,1e-7,-0.0E+3,18446744073709551615],"text":"a\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e é€𝄞 end of a longer text",
         "none":null,"yes":true,"no":false,"":{},"deep":[[[{"k":[]}]]],"odd \u0007 name":{"a":1,"b":{"c":[1,2,{"d":"e"}]}},"many":{"a":1,"b":2,
         "c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"r":18}}
        """#.utf8)

    @Test("what ends a string or may not be in one is found wherever it stands in a long one", arguments: 0..<150)
    func specials(place: Int) throws {
        for length in [place, place + 1, place + 40, 200] {
            let before = String(repeating: "é", count: place / 2) + String(repeating: "a", count: place % 2)
            // Neighbours of the special bytes are no special ones.
            let behind = String(repeating: "! #[]é~\u{7F}", count: (length - place + 8) / 9)
            #expect(try JSONValue(parsing: "[\"\(before)\(behind)\"]")[0]?.asString == before + behind)
            #expect(try JSONValue(parsing: "[\"\(before)\",\"\(behind)\"]")[1]?.asString == behind)
            #expect(try JSONValue(parsing: "[\"\(before)\\n\(behind)\"]")[0]?.asString == before + "\n" + behind)
            for control: UInt8 in [0, 1, 0x0A, 0x1F] {
                let text = Array("\"\(before)".utf8) + [control] + Array("\(behind)\"".utf8)
                let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
                #expect(error?.code == .controlCharacter && error?.offset == 1 + before.utf8.count)
            }
        }
    }

    @Test("every truncation of a document is an error at or before its end")
    func truncation() throws {
        #expect(throws: Never.self) { try JSONValue(parsing: Self.rich) }
        for length in 0..<Self.rich.count {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: Array(Self.rich[..<length])) }
            let code = try #require(error).code
            #expect(code == .unexpectedEnd || code == .invalidUTF8, "length \(length)")
        }
    }

    @Test("mutated documents never trap, and what is accepted is stable under writing and reading", arguments: 0..<8)
    func mutation(_ part: Int) throws {
        let corpus = [
            Self.rich, Array(#"{"messages":[{"role":"user","content":"hi\n"}],"n":1}"#.utf8), Array("[1.5e3,\"\\u12ab\",{}]".utf8),
        ]
        let interesting: [UInt8] = Array("\"\\{}[]:,.-+eEu0d1dtfn \n\0".utf8) + [0x80, 0xC3, 0xE2, 0xED, 0xA0, 0xF4, 0xFF]
        let seed = 0xA905_0000 + UInt64(part)
        var random = SplitMix(state: seed)
        var accepted = 0
        for round in 0..<25_000 {
            var bytes = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[place] = interesting.randomElement(using: &random) ?? 0
                case 2: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
                case 3: bytes.remove(at: place)
                case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
                default:
                    let end = min(bytes.count, place + Int.random(in: 1...20, using: &random))
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
                }
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            accepted += 1
            let written = value.encoded()
            let again = try? JSONValue(parsing: written)
            if again != value || again?.encoded() != written { Issue.record("seed \(seed), round \(round)") }
        }
        #expect(accepted > 1_000, "mutations that stay valid are part of the test")
    }

    @Test("a hundred thousand brackets are refused at the limit, whatever limit is asked for", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func depthBomb(_ opening: String) {
        let bomb = Array(String(repeating: opening, count: 100_000).utf8)
        for depth in [64, JSONLimits.deepest, 1_000_000] {
            let error = #expect(throws: JSONError.self) {
                try JSONValue(parsing: bomb, limits: JSONLimits(depth: depth, bytes: 1 << 20, values: 1 << 20))
            }
            #expect(error?.code == .tooDeep(limit: min(depth, JSONLimits.deepest)))
        }
    }

    @Test("the deepest document allowed is read, written, compared and freed")
    func deepest() throws {
        let depth = JSONLimits.deepest
        let text = String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        let value = try JSONValue(parsing: text, limits: JSONLimits(depth: depth, bytes: 1 << 20, values: 1 << 20))
        #expect(value.encoded() == Array(text.utf8))
        #expect(try JSONValue(parsing: value.encoded(.pretty), limits: JSONLimits(depth: depth, bytes: 1 << 20, values: 1 << 20)) == value)
    }

    /// A quadratic duplicate check would need half a trillion comparisons: the test would not end.
    @Test("a million names in one object are read in linear time, and a duplicate at the very end is found")
    func manyNames() throws {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for name in 0..<1_000_000 {
            bytes.append(contentsOf: name == 0 ? "\"k".utf8 : ",\"k".utf8)
            JSONWriter.appendDigits(UInt64(name), to: &bytes)
            bytes.append(contentsOf: "\":1".utf8)
        }
        let value = try JSONValue(parsing: bytes + [UInt8(ascii: "}")], limits: .file)
        #expect(value.asObject?.count == 1_000_000)
        #expect(value["k999999"]?.asInt == 1)
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes + Array(",\"k0\":2}".utf8), limits: .file) }
        #expect(error?.code == .duplicateKey)
        #expect(error?.path == "k0")
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes + [UInt8(ascii: "}")]) }
    }

    // Each of these would be trillions of steps for a reader that goes back: the test would not end.

    @Test(
        "a number of a million digits is refused, wherever it stands, and an exponent of a million digits too",
        arguments: ["1", "0.", "-1e", "1E+"])
    func longNumber(_ beginning: String) {
        let digits = beginning + String(repeating: "7", count: 1_000_000)
        for text in [digits, "[\(digits)]", "{\"a\":\(digits)}", "[1,\(digits)"] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
            #expect(error?.code == .numberTooLong(limit: JSONLimits.numberBytes))
        }
    }

    @Test("a string of 50 MiB is refused where the limit is lower, and read whole where it is not")
    func longString() throws {
        let count = 50 << 20
        var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: count + 2)
        bytes[0] = UInt8(ascii: "\"")
        bytes[count + 1] = UInt8(ascii: "\"")
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        #expect(error?.code == .tooLarge(limit: JSONLimits.request.bytes))
        #expect(try JSONValue(parsing: bytes, limits: .file).asString?.utf8.count == count)
    }

    @Test(
        "what is wrong at the end of a long string is found there",
        arguments: [
            (#"\ud800""#, JSONError.Code.loneSurrogate), (#"\udc00""#, .loneSurrogate), (#"\ud800\ud800""#, .loneSurrogate),
            (#"\ud800x""#, .loneSurrogate), ("\u{0}\"", .controlCharacter), (#"\x""#, .invalidEscape), ("", .unexpectedEnd),
        ])
    func endOfLongString(end: String, code: JSONError.Code) {
        for beginning in ["a", #"\u00e4"#, #"\\"#, "\u{20AC}"] {
            let text = "\"" + String(repeating: beginning, count: 100_000) + end
            #expect(#expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }?.code == code, "\(beginning)")
        }
    }

    @Test(
        "bytes that are no UTF-8 are found at the end of a long string, with and without escapes in it",
        arguments: [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        for beginning in ["a", #"\n"#] {
            let start = Array("[\"".utf8) + Array(String(repeating: beginning, count: 100_000).utf8)
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: start + bytes + Array("\"]".utf8)) }
            #expect(error?.code == .invalidUTF8)
        }
    }

    @Test("names that are long, alike, or many and empty of values cost no more than their bytes")
    func longNames() throws {
        let long = String(repeating: "n", count: 1_000)
        let text = "{" + (0..<2_000).map { "\"\(long)\($0)\":{}" }.joined(separator: ",") + "}"
        #expect(try JSONValue(parsing: Array(text.utf8)).asObject?.count == 2_000)
        let nested = String(repeating: #"{"\#(long)":"#, count: 64) + "x"
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: Array(nested.utf8)) }
        #expect("\(error!)".utf8.count < 1_000, "a path of long names is shortened")
    }
}
