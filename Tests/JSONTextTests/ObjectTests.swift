import JSONText
import Testing

@Suite("Objects") struct ObjectTests {
    @Test("setting keeps the place of a known name, appends a new one, and nil removes", arguments: [4, 40])
    func editing(_ count: Int) {
        var object = JSONObject()
        for place in 0..<count { object["n\(place)"] = .number(JSONNumber(place)) }
        object["n1"] = "changed"
        #expect(object.members[1] == JSONObject.Member(name: "n1", value: "changed"))
        object["n0"] = nil
        object["absent"] = nil
        object["new"] = true
        #expect(object.count == count)
        #expect(object["n0"] == nil)
        #expect(object["n1"] == "changed")
        #expect(object["n\(count - 1)"]?.asInt == count - 1)
        #expect(object.members.last?.name == "new")
    }

    @Test("names and strings are compared by their bytes, not by canonical equivalence")
    func exactness() throws {
        let object: JSONValue = ["e\u{301}": 1, "\u{e9}": 2]
        #expect(object["\u{e9}"]?.asInt == 2)
        #expect(object["e\u{301}"]?.asInt == 1)
        #expect(JSONValue.string("\u{e9}") != JSONValue.string("e\u{301}"))
        #expect(JSONValue.string("\u{340}") != JSONValue.string("\u{300}"))
        #expect(JSONValue.string("12345678é") == JSONValue.string("12345678é"))
        #expect(JSONValue.string("12345678a") != JSONValue.string("12345678b"))
    }

    @Test("accessors answer for their own kind only")
    func accessors() throws {
        let value = try JSONValue(parsing: #"{"s":"x","n":2.0,"b":false,"z":null,"a":[1]}"#)
        #expect(value["s"]?.asString == "x")
        #expect(value["n"]?.asInt == 2)
        #expect(value["n"]?.asDouble == 2)
        #expect(value["b"]?.asBool == false)
        #expect(value["z"]?.isNull == true)
        #expect(value["a"]?[0]?.asInt == 1)
        #expect(value["a"]?[1] == nil)
        #expect(value["a"]?[-1] == nil)
        #expect(value["a"]?["x"] == nil)
        #expect(value["s"]?.asInt == nil)
        #expect(value["n"]?.asString == nil)
        #expect(value["absent"] == nil)
    }
}
