import JSONText

/// A JSON schema as it is written into `/openapi.json`, made of smaller ones.
struct Schema {
    let json: String

    /// `json` is a whole schema.
    init(_ json: String) { self.json = json }

    // MARK: Simple ones

    static let any = Schema("{}")
    static let object = Schema(#"{"type":"object"}"#)
    static let flag = Schema(#"{"type":"boolean"}"#)
    static let text = Schema(#"{"type":"string"}"#)
    static let null = Schema(#"{"type":"null"}"#)
    static let count = Schema(#"{"type":"integer","minimum":0}"#)
    static let milliseconds = Schema(#"{"type":"number","minimum":0}"#)
    /// What a part of a path may be.
    static let printable = Schema(#"{"type":"string","pattern":"^[!-~]{1,256}$"}"#)
    static let token = integer(0...Int(UInt32.max))

    /// One of `OpenAPIDocument.schemas`, or of an endpoint's.
    static func ref(_ name: String) -> Schema { Schema(##"{"$ref":"#/components/schemas/\##(name)"}"##) }

    /// Lengths are bytes in truth, and characters in the words of schemas: of plain texts they are the same.
    static func text(_ lengths: ClosedRange<Int>) -> Schema {
        let least = lengths.lowerBound > 0 ? #","minLength":\#(lengths.lowerBound)"# : ""
        return Schema(#"{"type":"string"\#(least),"maxLength":\#(lengths.upperBound)}"#)
    }

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        Schema(#"{"type":"integer","minimum":\#(range.lowerBound),"maximum":\#(range.upperBound)}"#)
    }

    static func number(_ range: ClosedRange<Double>) -> Schema {
        Schema(#"{"type":"number","minimum":\#(range.lowerBound),"maximum":\#(range.upperBound)}"#)
    }

    static func word(_ words: String...) -> Schema { self.words(words) }

    static func words(_ words: [String]) -> Schema {
        Schema(#"{"enum":[\#(words.map { "\"\($0)\"" }.joined(separator: ","))]}"#)
    }

    static func word(of flags: [Bool]) -> Schema { Schema(#"{"enum":[\#(flags.map(\.description).joined(separator: ","))]}"#) }

    // MARK: Made of others

    static func array(of element: Schema, _ counts: ClosedRange<Int>? = nil) -> Schema {
        guard let counts else { return Schema(#"{"type":"array","items":\#(element.json)}"#) }
        let least = counts.lowerBound > 0 ? #","minItems":\#(counts.lowerBound)"# : ""
        let most = counts.upperBound < .max ? #","maxItems":\#(counts.upperBound)"# : ""
        return Schema(#"{"type":"array"\#(least)\#(most),"items":\#(element.json)}"#)
    }

    static func either(_ schemas: Schema...) -> Schema { either(schemas) }

    static func either(_ schemas: [Schema]) -> Schema { Schema(#"{"anyOf":[\#(schemas.map(\.json).joined(separator: ","))]}"#) }

    static func object(_ members: [Member], most: Int? = nil) -> Schema {
        let needed = members.filter(\.isNeeded).map { "\"\($0.name)\"" }
        let required = needed.isEmpty ? "" : #","required":[\#(needed.joined(separator: ","))]"#
        let bound = most.map { #","maxProperties":\#($0)"# } ?? ""
        let properties = members.map { "\"\($0.name)\":\($0.schema.json)" }.joined(separator: ",")
        return Schema(#"{"type":"object"\#(required)\#(bound),"properties":{\#(properties)}}"#)
    }

    // MARK: Changed

    var orNull: Schema { .either(self, .null) }

    func described(_ description: String) -> Schema { with("description", quoted(description)) }

    /// What holds where a request says nothing; `value` is JSON.
    func byDefault(_ value: String) -> Schema { with("default", value) }

    /// `value` is JSON.
    func with(_ name: String, _ value: String) -> Schema {
        let rest = json.dropFirst()
        return Schema(#"{"\#(name)":\#(value)\#(rest == "}" ? "" : ",")\#(rest)"#)
    }

    private func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONWriter.appendQuoted(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A member of an object.
    struct Member {
        let name: String
        let schema: Schema
        let isNeeded: Bool

        /// Always there: of an answer, or of a request that is refused without it.
        static func needed(_ name: String, _ schema: Schema) -> Member { Member(name: name, schema: schema, isNeeded: true) }

        /// Of an answer: may be missing.
        static func sometimes(_ name: String, _ schema: Schema) -> Member { Member(name: name, schema: schema, isNeeded: false) }

        /// Of a request: may be missing, or null, which is the same.
        static func may(_ name: String, _ schema: Schema) -> Member { Member(name: name, schema: schema.orNull, isNeeded: false) }

        /// Of a request: nothing that the API has which it is part of, but this service's or other servers'.
        var added: Member { Member(name: name, schema: schema.with("x-extension", "true"), isNeeded: isNeeded) }

        /// Of a request: whoever asks for anything by it is refused.
        static func refused(_ name: String) -> Member { Member(name: name, schema: .ref("Refused"), isNeeded: false) }

        /// Of a request: refused whatever it says.
        static func nothing(_ name: String) -> Member { Member(name: name, schema: .null, isNeeded: false) }
    }

    /// A schema with a name, to be referred to.
    struct Named {
        let name: String
        let schema: Schema

        init(_ name: String, _ schema: Schema) {
            self.name = name
            self.schema = schema
        }
    }
}
