import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("The longest prompts of tokens") struct LongPromptTests {
    @Test("as many tokens as are described can be sent, and one more is refused by the prompt's name")
    func bound() throws {
        let schemas = try JSONValue(parsing: OpenAPIDocument.json(version: "1"))["components"]?["schemas"]
        let most = try #require(schemas?["DetokenizeRequest"]?["properties"]?["tokens"]?["maxItems"]?.asInt)
        func body(_ count: Int) -> String { #"{"model":"m","prompt":["# + String(repeating: "1,", count: count - 1) + "1]}" }
        #expect(try completion(body(most)).generation.prompt == .tokens(Array(repeating: 1, count: most)))
        let error = #expect(throws: DialectError.self) { try completion(body(most + 1)) }
        #expect(error?.param == "prompt" && error?.code == "array_above_max_length")
    }
}
