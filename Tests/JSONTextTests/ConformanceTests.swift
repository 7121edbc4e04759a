import JSONText
import Testing

/// One text and what a strict reader makes of it.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    var testDescription: String { name }

    init(_ name: String, _ text: String) { self.init(name, bytes: Array(text.utf8)) }

    init(_ name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

@Suite("Conformance to RFC 8259") struct ConformanceTests {
    static let accepted: [ConformanceCase] = [
        .init("empty array", "[]"), .init("array with spaces", "[ ]"), .init("empty object", "{}"),
        .init("nested empty arrays", "[[],[[]]]"),
        .init("scalar string", #""""#), .init("scalar number", "42"), .init("scalar null", "null"), .init("scalar true", "true"),
        .init("scalar false", "false"), .init("space before and after", " \t\r\n1 \t\r\n"),
        .init("several values", #"[1,null,true,false,"x",{}]"#),
        .init("member", #"{"a":1}"#), .init("members", #"{"a":1,"b":2}"#), .init("empty name", #"{"":0}"#),
        .init("name with escape", #"{"a\u0000b":1}"#), .init("same name on two levels", #"{"a":{"a":1}}"#),
        .init("names equal only after normalisation", "{\"e\u{301}\":1,\"\u{e9}\":2}"), .init("zero", "[0]"), .init("minus zero", "[-0]"),
        .init("minus one", "[-1]"), .init("fraction", "[1.25]"), .init("zero fraction", "[0.0]"), .init("exponent", "[1e5]"),
        .init("capital exponent", "[1E5]"), .init("exponent with plus", "[1e+5]"), .init("exponent with minus", "[1e-5]"),
        .init("exponent with leading zeros", "[1e0005]"), .init("fraction and exponent", "[123.456e78]"),
        .init("zero with exponent", "[0e1]"),
        .init("beyond a double", "[1e400]"), .init("beyond 64 bits", "[123456789012345678901234567890]"),
        .init("all short escapes", #"["\"\\\/\b\f\n\r\t"]"#), .init("escaped control", #"["\u0012"]"#),
        .init("escaped pair", #"["\uD834\uDD1E"]"#),
        .init("escaped pair in lower case", #"["\ud834\udd1e"]"#), .init("escaped noncharacter", #"["\uFFFF"]"#),
        .init("two byte text", "[\"é\"]"),
        .init("three byte text", "[\"€\"]"), .init("four byte text", "[\"𝄞\"]"), .init("delete is no control", "[\"\u{7f}\"]"),
        .init("line separator", "[\"\u{2028}\u{2029}\"]"), .init("byte order mark inside a string", "[\"\u{feff}\"]"),
        .init("escaped backslash before quote", #"["\\"]"#), .init("literal of u and digits", #"["\\u0041"]"#),
        .init("string of more than eight bytes", #"["abcdefghijklmnopqrstuvwxyz"]"#), .init("last code point", "[\"\u{10FFFF}\"]"),
        .init("spaces around everything", #" { "a" : [ 1 , 2 ] , "b" : null } "#),
    ]

    static let refused: [ConformanceCase] = [
        .init("nothing", ""), .init("only space", " \n"), .init("byte order mark", "\u{feff}1"), .init("two values", "1 2"),
        .init("comma behind", "[],"), .init("bracket behind", "[]]"), .init("text behind", "nullx"), .init("comment", "[1/* */]"),
        .init("line comment", "1//x"), .init("trailing comma in array", "[1,]"), .init("leading comma", "[,1]"),
        .init("double comma", "[1,,2]"),
        .init("only comma", "[,]"), .init("missing comma", "[1 2]"), .init("colon in array", "[1:2]"), .init("unclosed array", "[1"),
        .init("unclosed nested array", "[[1]"), .init("array closed by brace", "[1}"), .init("unclosed object", #"{"a":1"#),
        .init("object closed by bracket", #"{"a":1]"#), .init("trailing comma in object", #"{"a":1,}"#),
        .init("missing colon", #"{"a" 1}"#),
        .init("missing value", #"{"a":}"#), .init("missing name", "{:1}"), .init("two colons", #"{"a"::1}"#),
        .init("name is a number", "{1:1}"),
        .init("name unquoted", "{a:1}"), .init("name in single quotes", "{'a':1}"), .init("comma for colon", #"{"a",1}"#),
        .init("duplicate name", #"{"a":1,"a":2}"#), .init("duplicate name by escape", #"{"a":1,"\u0061":2}"#), .init("lone brace", "{"),
        .init("lone closing brace", "}"), .init("capital literal", "True"), .init("part of a literal", "tru"),
        .init("wrong literal", "nul1"),
        .init("NaN", "NaN"), .init("Infinity", "Infinity"), .init("minus Infinity", "-Infinity"), .init("undefined", "undefined"),
        .init("plus sign", "+1"), .init("lone minus", "-"), .init("minus and space", "- 1"), .init("two minus", "--1"),
        .init("leading zero", "01"),
        .init("minus leading zero", "-01"), .init("leading point", ".5"), .init("minus leading point", "-.5"),
        .init("trailing point", "1."),
        .init("point then exponent", "1.e5"), .init("empty exponent", "1e"), .init("empty signed exponent", "1e+"),
        .init("two exponents", "1e5e5"),
        .init("fractional exponent", "1e5.5"), .init("hexadecimal", "0x1F"), .init("digit separator", "1_000"),
        .init("full-width digit", "１"),
        .init("unclosed string", #""abc"#), .init("single quotes", "'a'"), .init("raw line feed", "\"a\nb\""), .init("raw tab", "\"a\tb\""),
        .init("raw zero", "\"a\0b\""), .init("raw unit separator", "\"\u{1f}\""),
        .init("raw control behind eight bytes", "\"12345678\u{1}\""),
        .init("unknown escape", #""\a""#), .init("hexadecimal escape", #""\x41""#), .init("escaped zero", #""\0""#),
        .init("escaped apostrophe", #""\'""#),
        .init("lone backslash", #""\"#), .init("escaped quote at the end", #""\""#), .init("short u escape", #""\u123""#),
        .init("u escape without digits", #""\u""#), .init("wrong hexadecimal digit", #""\u12G4""#), .init("capital u", #""\U0041""#),
        .init("lone high surrogate", #""\uD800""#), .init("lone low surrogate", #""\uDC00""#),
        .init("high surrogate then text", #""\uD800x""#),
        .init("high surrogate then other escape", #""\uD800\n""#), .init("two high surrogates", #""\uD800\uD800""#),
        .init("swapped surrogates", #""\uDD1E\uD834""#), .init("high surrogate then scalar", #""\uD834\u0041""#),
        .init("vertical tab as space", "[\u{b}1]"), .init("form feed as space", "[\u{c}1]"), .init("no-break space", "[\u{a0}1]"),
        .init("lone continuation byte", bytes: [0x22, 0x80, 0x22]), .init("overlong slash", bytes: [0x22, 0xC0, 0xAF, 0x22]),
        .init("overlong zero", bytes: [0x22, 0xE0, 0x80, 0x80, 0x22]), .init("truncated sequence", bytes: [0x22, 0xE2, 0x82, 0x22]),
        .init("encoded surrogate", bytes: [0x22, 0xED, 0xA0, 0x80, 0x22]),
        .init("beyond the last code point", bytes: [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22]),
        .init("byte FF", bytes: [0x22, 0xFF, 0x22]), .init("Latin-1", bytes: [0x22, 0x63, 0x61, 0x66, 0xE9, 0x22]),
        .init("invalid UTF-8 before an escape", bytes: [0x22, 0xC3, 0x5C, 0x6E, 0x22]),
        .init("invalid byte outside a string", bytes: [0x5B, 0xFF, 0x5D]),
        .init("invalid UTF-8 in a name", bytes: [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]), .init("zero byte behind", bytes: [0x31, 0]),
        .init("UTF-16", bytes: [0xFF, 0xFE, 0x31, 0]),
    ]

    @Test("what the RFC allows is read, and survives being written and read again", arguments: accepted)
    func accepts(_ example: ConformanceCase) throws {
        let value = try JSONValue(parsing: example.bytes)
        #expect(try JSONValue(parsing: value.encoded()) == value)
        #expect(try JSONValue(parsing: value.encoded(.pretty)) == value)
    }

    @Test("what the RFC forbids is an error that names a place inside the text", arguments: refused)
    func refuses(_ example: ConformanceCase) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: example.bytes) }
        #expect(error.map { (0...example.bytes.count).contains($0.offset) } == true)
    }

    @Test("escapes become the characters they stand for")
    func escapes() throws {
        let value = try JSONValue(parsing: #"["\"\\\/\b\f\n\r\t","\u00e9\u20AC\uD834\udd1E","plain text first\u0041 then more"]"#)
        #expect(value[0] == "\"\\/\u{8}\u{c}\n\r\t")
        #expect(value[1] == "é€𝄞")
        #expect(value[2] == "plain text firstA then more")
    }

    @Test("order of members is kept and each is found by name", arguments: [3, 16, 17, 18, 40, 1_000])
    func members(_ count: Int) throws {
        let names = (0..<count).map { "n\(($0 * 7919) % count)-\($0)" }
        let text = "{" + names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try JSONValue(parsing: text).asObject)
        #expect(Array(object.names) == names)
        for (place, name) in names.enumerated() { #expect(object[name]?.asInt == place) }
        #expect(object["absent"] == nil)
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text.dropLast() + ",\"\(names[count / 2])\":0}") }
        #expect(error?.code == .duplicateKey)
    }
}
