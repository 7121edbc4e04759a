import JSONText

/// What clients can call, as an OpenAPI 3.1 document: the body of `/openapi.json`.
///
/// It tells what is served and no more. Tests hold it against the fields that requests are read for and the members that answers are written with.
package enum OpenAPIDocument {
    /// `version` is that of the program.
    package static func json(version: String) -> [UInt8] {
        var bytes = Array(
            #"{"openapi":"3.1.0","jsonSchemaDialect":"https://json-schema.org/draft/2020-12/schema","info":{"title":"Apus","version":"#.utf8
        )
        JSONWriter.appendQuoted(version, to: &bytes)
        bytes.append(static: #","description":"OpenAI's API over a cluster of workers that share their caches."},"paths":{"#)
        append(OpenAPIPaths.all, to: &bytes)
        bytes.append(static: #"},"components":{"schemas":{"#)
        append(OpenAPIRequests.all + OpenAPIAnswers.all + OpenAPIExtensions.all, to: &bytes)
        bytes.append(static: "}}}")
        return bytes
    }

    /// A member of an object, as it is written.
    struct Part {
        let name: String
        let json: String

        init(_ name: String, _ json: String) {
            self.name = name
            self.json = json
        }
    }

    private static func append(_ parts: [Part], to bytes: inout [UInt8]) {
        for (place, part) in parts.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.appendQuoted(part.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: part.json.utf8)
        }
    }
}
