import ClusterModel
import JSONText
import OpenAIDialect
import TextProcessing

extension FuzzTarget {
    /// A body of each endpoint, and all that follows from one that is accepted: a prompt in which only the template names special tokens, an answer
    /// that is JSON. What is refused is told in JSON too.
    static let dialect = FuzzTarget(name: "openai-request", longest: 4096) { bytes in
        do throws(DialectError) {
            let request = try ChatCompletionRequest(parsing: bytes.bytes)
            check(request.generation, request.unknownFields)
            answer(ChatCompletionWriter(id: "1", created: 0, model: request.generation.model, delivery: streamed(request.delivery)))
        } catch { check(error) }
        do throws(DialectError) {
            let request = try CompletionRequest(parsing: bytes.bytes)
            check(request.generation, request.unknownFields)
            let count = request.morePrompts.count + 1
            demand(count <= DialectLimits.prompts, "the number of prompts is out of its bounds")
            demand(count == 1 || count * request.generation.choices <= DialectLimits.choicesOfPrompts, "there are too many choices")
            for other in request.morePrompts { prompt(other) }
            answer(CompletionWriter(id: "1", created: 0, model: request.generation.model, delivery: streamed(request.delivery)))
        } catch { check(error) }
        do throws(DialectError) {
            let request = try ResponsesRequest(parsing: bytes.bytes)
            check(request.generation, request.unknownFields)
            let repeated = try? JSONValue(parsing: Array("{".utf8) + request.delivery.repeated + Array("}".utf8))
            demand(repeated?["model"]?.asString == request.generation.model, "what is repeated of the request is not read back")
            answer(ResponsesWriter(id: "1", created: 0, delivery: streamed(request.delivery)))
        } catch { check(error) }
        do throws(DialectError) {
            let request = try MessagesRequest(parsing: bytes.bytes)
            check(request.generation, request.unknownFields)
            answer(MessagesWriter(id: "1", model: request.generation.model, maxTokens: 1, delivery: streamed(request.delivery)))
        } catch { check(error) }
        do throws(DialectError) { prompt(try TokenizeRequest(parsing: bytes.bytes).prompt) } catch { check(error) }
        do throws(DialectError) { _ = try DetokenizeRequest(parsing: bytes.bytes) } catch { check(error) }
        do throws(DialectError) { check(try EmbeddingRequest(parsing: bytes.bytes)) } catch { check(error) }
    }

    private static func check(_ request: EmbeddingRequest) {
        demand((1...DialectLimits.inputs).contains(request.inputs.count), "the number of inputs is out of its bounds")
        demand(request.unknownFields.names.count <= request.unknownFields.count, "more unknown members are named than were counted")
        for input in request.inputs { prompt(input) }
        let vectors = request.inputs.map { _ in [UInt8](repeating: 1, count: 8) }
        let list = EmbeddingList(vectors: vectors, encoding: request.encoding, model: request.model, promptTokens: 1)
        demand((try? JSONValue(parsing: list.json))?["data"]?.asArray?.count == vectors.count, "the answer is not read back")
    }

    private static func check(_ request: GenerationRequest, _ unknown: UnknownFields) {
        let sampling = request.sampling
        demand((1...DialectLimits.choices).contains(request.choices), "the number of choices is out of its bounds")
        demand(sampling.temperature.map { (0...2).contains($0) } ?? true, "the temperature is out of its bounds")
        demand(sampling.stopTexts.allSatisfy { (1...DialectLimits.stop).contains($0.utf8.count) }, "a stop is out of its bounds")
        demand(zip(sampling.logitBias, sampling.logitBias.dropFirst()).allSatisfy { $0.token < $1.token }, "a token has two biases")
        demand(unknown.names.count <= unknown.count, "more unknown members are named than were counted")
        prompt(request.prompt)
    }

    /// Made once: a model takes longer to read than a hundred requests.
    private static let model = try? ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])

    private static func prompt(_ prompt: GenerationRequest.Prompt) {
        guard let model else { return demand(false, "the standard model is no model") }
        let context = TemplateContext(unixSeconds: 0)
        var tokens: [TokenID] = []
        guard (try? model.encode(prompt, context, atMost: 1 << 20, into: &tokens)) != nil else { return }
        if case .tokens(let given) = prompt { return demand(tokens == given, "tokens were changed") }
        var text: [UInt8] = []
        model.decode(tokens.span, showsSpecials: true, into: &text)
        switch prompt {
        case .conversation(let conversation):
            let rendered = try? model.template.render(conversation, context)
            demand(rendered?.utf8 == text, "the prompt is not read back from its tokens")
            // Tools that may be called are told in a turn of their own.
            let tells = conversation.toolChoice != .none && !conversation.tools.isEmpty
            let turns = (conversation.messages.count + (tells ? 1 : 0)) * 2 - (conversation.continuesLastMessage ? 1 : 0)
            let specials = tokens.count { $0 > 255 }
            demand(specials == turns + (conversation.addsGenerationPrompt ? 1 : 0), "a special token came out of a message")
        case .text(let given): demand(Array(given.utf8) == text, "the prompt is not read back from its tokens")
        case .tokens: break
        }
    }

    /// Whatever was asked for is written as a stream: one body has no events.
    private static func streamed(_ asked: Delivery) -> Delivery {
        var delivery = asked
        delivery.isStreamed = true
        return delivery
    }

    private static func answer(_ writer: some AnswerWriter) {
        let usage = TokenUsage(promptTokens: 1)
        var writer = writer, events: [UInt8] = []
        let piece = "\"\n".utf8.span.bytes
        writer.appendBeginning(usage: usage, to: &events)
        writer.appendOpening(choice: 0, usage: usage, to: &events)
        writer.appendReasoning(choice: 0, piece, usage: usage, to: &events)
        writer.appendText(choice: 0, piece, logprobs: nil, usage: usage, to: &events)
        writer.appendCall(choice: 0, AnswerCall(index: 0, id: "i", name: "\""), usage: usage, to: &events)
        writer.appendArguments(choice: 0, call: 0, piece, usage: usage, to: &events)
        writer.appendCallEnd(choice: 0, call: 0, usage: usage, to: &events)
        writer.appendFinish(choice: 0, AnswerFinish(.length, stopText: "\n"), usage: usage, extensionJSON: nil, to: &events)
        writer.appendEnd(usage: usage, at: 0, to: &events)
        for line in events.split(separator: UInt8(ascii: "\n")) where line.starts(with: "data: ".utf8) {
            let data = Array(line.dropFirst(6))
            demand(data == Array("[DONE]".utf8) || (try? JSONValue(parsing: data)) != nil, "an event is no JSON")
        }
    }

    private static func check(_ error: DialectError) {
        demand(!error.message.isEmpty && error.message.utf8.count < 512, "an error says nothing, or too much")
        demand(error.param?.isEmpty != true, "an error names an empty field")
        var body: [UInt8] = []
        ErrorBody(error).append(to: &body)
        demand((try? JSONValue(parsing: body))?["error"]?["message"]?.asString == error.message, "the error's body is not read back")
        body = []
        ErrorBody(error).append(.anthropic, to: &body)
        demand((try? JSONValue(parsing: body))?["type"]?.asString == "error", "the error's other body is not read back")
    }
}
