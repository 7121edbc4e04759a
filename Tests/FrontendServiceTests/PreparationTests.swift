import ClusterModel
import Concurrency
import OpenAIDialect
import Testing
import TextProcessing
import WireProtocol

@testable import FrontendService

@Suite("From a body to tokens")
struct PreparationTests {
    private func prepare(
        _ prompt: String, gone: Flag = Flag(), context: UInt32 = 1_024, members: String = #""max_tokens": 5"#,
        defaults: SamplingParameters = SamplingParameters()
    ) throws -> PreparedRequest {
        var card = Scene.card()
        card.contextLength = context
        let text = try ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])
        let model = ServedModel(
            card: card, text: text, formats: AnswerFormats(tools: nil, reasoning: nil, vocabulary: text.vocabulary),
            memory: PromptMemory(bytes: 1 << 20), defaults: defaults, createdSeconds: 0)
        let body = Array(#"{"model": "m", "prompt": "\#(prompt)", \#(members)}"#.utf8)
        let request = try CompletionRequest(parsing: body.span.bytes)
        let preparation = Preparation(
            model: model, tenant: .anyone, generation: request.generation, delivery: request.delivery, unixSeconds: 0, seed: 7,
            clock: { .zero }, gone: gone)
        return try preparation.run()
    }

    @Test("what is prepared has the prompt's tokens, and says how much of its text was known")
    func prepared() throws {
        let prepared = try prepare("hello")
        #expect(prepared.prompt == Array("hello".utf8).map { TokenID($0) } && prepared.maxTokens == 5)
        #expect(prepared.costs.memory?.reused == 0 && prepared.costs.memory?.total == 5 && prepared.costs.rendering == nil)
    }

    @Test("what runs does not hold the prompt that it was made of")
    func forgotten() throws {
        let prepared = try prepare("hello")
        #expect(prepared.generation.prompt == .tokens([]) && prepared.generation.calling == nil)
    }

    @Test("more tokens at the least than the model's own files allow are refused by name, before any worker is asked")
    func leastTokens() throws {
        var defaults = SamplingParameters()
        defaults.maxTokens = 7
        #expect(try prepare("hello", members: #""min_tokens": 7"#, defaults: defaults).sampling.minTokens == 7)
        let error = #expect(throws: DialectError.self) { try prepare("hello", members: #""min_tokens": 8"#, defaults: defaults) }
        #expect(error?.status == 400 && error?.param == "min_tokens" && error?.code == "invalid_value")
    }

    @Test("work for a client that has left is given up, and nobody's fault")
    func gone() throws {
        let gone = Flag()
        gone.raise()
        let error = #expect(throws: DialectError.self) { try prepare(String(repeating: "word ", count: 100), gone: gone) }
        #expect(error?.status == ErrorBody(ServiceFailure(.cancelled)).status)
    }

    @Test("a prompt that is too long is the client's error, whatever it is made of")
    func tooLong() throws {
        let error = #expect(throws: DialectError.self) { try prepare(String(repeating: "word ", count: 100), context: 100) }
        #expect(error?.status == 400 && error?.code == "context_length_exceeded" && error?.param == "prompt")
    }
}
