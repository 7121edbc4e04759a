import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Requests for embeddings, and their answers") struct EmbeddingBodyTests {
    private func request(_ members: String) throws(DialectError) -> EmbeddingRequest {
        try EmbeddingRequest(parsing: #"{"model":"m",\#(members)}"#.utf8.span.bytes)
    }

    @Test("what a request may say")
    func read() throws {
        let request = try request(#""input":["a","b"],"encoding_format":"base64","dimensions":8,"user":"u","priority":1"#)
        #expect(request.model == "m" && request.inputs == [.text("a"), .text("b")])
        #expect(request.encoding == .base64 && request.dimensions == 8 && request.user == "u")
        #expect(request.unknownFields.names == ["priority"])
        let plain = try self.request(#""input":[1,2],"encoding_format":null,"dimensions":null"#)
        #expect(plain.inputs == [.tokens([1, 2])] && plain.encoding == .float && plain.dimensions == nil)
    }

    @Test(
        "what is wrong is named",
        arguments: [
            (#""user":"u""#, "input"), (#""input":null"#, "input"), (#""input":{}"#, "input"), (#""input":[]"#, "input"),
            (#""input":[[]]"#, "input[0]"), (#""input":[[1],"a"]"#, "input[1]"), (#""input":["a",1]"#, "input[1]"),
            (#""input":[1,"a"]"#, "input[1]"), (#""input":[true]"#, "input[0]"),
            (#""input":"a","encoding_format":"int8""#, "encoding_format"),
            (#""input":"a","encoding_format":1"#, "encoding_format"), (#""input":"a","dimensions":0"#, "dimensions"),
            (#""input":"a","dimensions":65537"#, "dimensions"), (#""input":"a","dimensions":"8""#, "dimensions"),
            (#""input":"a","truncate_prompt_tokens":1"#, "truncate_prompt_tokens"),
            (#""input":"a","nvext":{"annotations":["x"]}"#, "nvext"),
            (#""input":"a","user":1"#, "user"),
        ])
    func faults(members: String, param: String) {
        let error = #expect(throws: DialectError.self) { try request(members) }
        #expect(error?.param == param && error?.status == 400)
    }

    @Test("as many inputs as the limit says, and not one more")
    func bound() throws {
        func list(_ count: Int) -> String { "\"input\":[" + [String](repeating: "\"a\"", count: count).joined(separator: ",") + "]" }
        // What OpenAI's API allows, which some clients fill up.
        #expect(DialectLimits.inputs == 2_048)
        #expect(try request(list(DialectLimits.inputs)).inputs.count == DialectLimits.inputs)
        let error = #expect(throws: DialectError.self) { try request(list(DialectLimits.inputs + 1)) }
        #expect(error?.param == "input" && error?.code == "array_above_max_length")
    }

    private func bytes(_ numbers: [Float]) -> [UInt8] {
        numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> UInt32(8 * $0)) } }
    }

    @Test("an answer is read back as it was, number by number")
    func numbers() throws {
        let vectors: [[Float]] = [[0, -0.0, 1, -1.5, .leastNonzeroMagnitude], [.greatestFiniteMagnitude, 1e-7, 0.1, 16_777_216, 3]]
        let list = EmbeddingList(vectors: vectors.map(bytes), encoding: .float, model: "m\"", promptTokens: 7)
        let json = try JSONValue(parsing: list.json)
        for (index, vector) in vectors.enumerated() {
            #expect(json["data"]?[index]?["embedding"]?.asArray?.map { $0.asDouble.map { Float($0) } } == vector)
        }
        #expect(json["model"]?.asString == "m\"" && json["usage"]?["total_tokens"]?.asInt == 7)
    }

    @Test("base64 is padded as clients expect", arguments: [(1, "AACAPw=="), (2, "AACAPwAAgD8="), (3, "AACAPwAAgD8AAIA/")])
    func base64(count: Int, expected: String) throws {
        let list = EmbeddingList(vectors: [bytes([Float](repeating: 1, count: count))], encoding: .base64, model: "m", promptTokens: 1)
        #expect(try JSONValue(parsing: list.json)["data"]?[0]?["embedding"]?.asString == expected)
    }

    @Test("a vector is whole or not")
    func whole() {
        #expect(EmbeddingVector.isWhole(bytes([1, 2]), dimensions: 2))
        #expect(!EmbeddingVector.isWhole(bytes([1, 2]), dimensions: 3))
        #expect(!EmbeddingVector.isWhole(bytes([1, .infinity]), dimensions: 2))
        #expect(!EmbeddingVector.isWhole(bytes([.nan, 1]), dimensions: 2))
        #expect(!EmbeddingVector.isWhole([0, 0, 0], dimensions: 1))
    }
}

@Suite("Several prompts in a body") struct PromptListBodyTests {
    private func prompts(_ json: String, _ members: String = "") throws(DialectError) -> [GenerationRequest.Prompt] {
        let request = try CompletionRequest(parsing: #"{"model":"m","prompt":\#(json)\#(members)}"#.utf8.span.bytes)
        return [request.generation.prompt] + request.morePrompts
    }

    @Test("lists of texts and of tokens")
    func lists() throws {
        #expect(try prompts(#"["a","","b"]"#) == [.text("a"), .text(""), .text("b")])
        #expect(try prompts("[[1],[2,3]]") == [.tokens([1]), .tokens([2, 3])])
        #expect(try prompts("[1,2]") == [.tokens([1, 2])])
        #expect(try prompts(#"["a"]"#, #","nvext":{"session_control":{"session_id":"s"}}"#) == [.text("a")])
    }

    @Test(
        "what is wrong is named",
        arguments: [
            (#"["a",1]"#, "", "prompt[1]"), (#"[[1],"a"]"#, "", "prompt[1]"), ("[[1],[]]", "", "prompt[1]"),
            ("[[1],[-1]]", "", "prompt[1][0]"),
            (#"["a","b"]"#, #","nvext":{"session_control":{"session_id":"s"}}"#, "nvext.session_control"),
            (#"["a","b"]"#, #","nvext":{"token_data":[1]}"#, "nvext.token_data"),
            (#"["a","b"]"#, #","nvext":{"annotations":["query_instance_id:"]}"#, "nvext.annotations"),
        ])
    func faults(json: String, members: String, param: String) {
        let error = #expect(throws: DialectError.self) { try prompts(json, members) }
        #expect(error?.param == param)
    }

    @Test("prompts, and choices of all of them, have limits")
    func bounds() throws {
        func list(_ count: Int) -> String { "[" + [String](repeating: "\"a\"", count: count).joined(separator: ",") + "]" }
        #expect(try prompts(list(DialectLimits.prompts), #","n":2"#).count == DialectLimits.prompts)
        #expect(#expect(throws: DialectError.self) { try prompts(list(DialectLimits.prompts + 1)) }?.param == "prompt")
        #expect(#expect(throws: DialectError.self) { try prompts(list(DialectLimits.prompts), #","n":3"#) }?.param == "n")
    }
}
