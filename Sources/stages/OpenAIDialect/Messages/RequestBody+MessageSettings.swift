import ClusterModel
import JSONText

// What a request of the Messages API asks beside its conversation.
extension RequestBody {
    mutating func messageSampling(isAnswered: Bool) throws(FieldFault) -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.maxTokens = try fields.integer("max_tokens", in: 1...DialectLimits.maxTokens).map { UInt32($0) }
        if isAnswered, sampling.maxTokens == nil { throw .missing("max_tokens") }
        // Every request must name a number, so clients name a large one: it is a bound and no demand.
        sampling.fitsContext = true
        sampling.temperature = try fields.float("temperature", in: 0...1)
        sampling.topP = try fields.float("top_p", in: 0...1)
        sampling.topK = try fields.integer("top_k", in: 0...DialectLimits.maxTokens).map { UInt32($0) }
        sampling.stopTexts =
            try fields.texts("stop_sequences", atMost: DialectLimits.stopSequences, bytes: 1...DialectLimits.stop) ?? []
        return sampling
    }

    /// Who asks; what says how requests are billed, tiered or cached elsewhere is checked for its type and let go.
    mutating func messageLabels(into request: inout GenerationRequest) throws(FieldFault) {
        if var metadata = try fields.object("metadata") {
            do throws(FieldFault) { request.user = try metadata.text("user_id", atMost: DialectLimits.label) } catch {
                throw error.inside("metadata")
            }
            metadata.listUnknown(in: "metadata.", into: &unknown)
        }
        for name in ["service_tier", "speed", "inference_geo"] { _ = try fields.text(name, atMost: DialectLimits.label) }
        for name in ["cache_control", "diagnostics"] { _ = try fields.object(name) }
    }

    /// A system prompt stands beside the messages; it is the first of them here. Nil: none, or nothing in it.
    mutating func systemPrompt(stripsPreamble: Bool) throws(FieldFault) -> ChatMessage? {
        var texts: [String] = []
        switch fields.take("system") {
        case nil: return nil
        case .string(let text)?: texts = [text]
        case .array(let elements)?:
            guard elements.count <= DialectLimits.partsPerMessage else { throw Self.tooManyBlocks("system") }
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) { texts.append(try MessageBlocks.text(element, in: "system[].", &unknown)) } catch {
                    throw error.inside("system", index)
                }
            }
        case let value?: throw .type("system", expected: "a string or an array of text blocks", got: value)
        }
        if stripsPreamble, let first = texts.first, let rest = BillingPreamble.stripped(first) { texts[0] = rest }
        texts.removeAll { $0.isEmpty }
        return texts.isEmpty ? nil : ChatMessage(role: .system, content: MessageBlocks.content(texts))
    }

    static func tooManyBlocks(_ name: String) -> FieldFault {
        .value(name, expected: "an array with at most \(DialectLimits.partsPerMessage) elements", code: "array_above_max_length")
    }

    // MARK: Thinking and output

    struct Thinking {
        /// Nil: as the model's template has it.
        var isOn: Bool?
        var budget: UInt32?
        /// Whether the client wants to see it.
        var isShown = true

        /// Templates have no common word for it: these are the ones that those of today's models look at. Others pass them over.
        func templateArguments(effort: String?) -> String? {
            var arguments = JSONObject()
            if let isOn {
                arguments["enable_thinking"] = .bool(isOn)
                arguments["thinking"] = .bool(isOn)
            }
            if let effort { arguments["reasoning_effort"] = .string(effort) }
            return arguments.isEmpty ? nil : String(decoding: JSONValue.object(arguments).encoded(), as: UTF8.self)
        }
    }

    mutating func thinking() throws(FieldFault) -> Thinking {
        let name = "thinking"
        var thinking = Thinking()
        guard var config = try fields.object(name) else { return thinking }
        do throws(FieldFault) {
            switch try config.text("type", atMost: DialectLimits.json.bytes) {
            case nil: throw .missing("type")
            case "enabled"?:
                guard let budget = try config.integer("budget_tokens", in: 1...DialectLimits.maxTokens) else {
                    throw .missing("budget_tokens")
                }
                thinking.budget = UInt32(budget)
                thinking.isOn = true
            // When and how much it thinks is the model's own affair.
            case "adaptive"?, "between_tools"?: thinking.isOn = true
            case "disabled"?: thinking.isOn = false
            case let word?: throw .word("type", word, expected: ["enabled", "disabled", "adaptive", "between_tools"])
            }
            switch try config.text("display", atMost: DialectLimits.json.bytes) {
            case nil, "summarized"?: break
            case "omitted"?: thinking.isShown = false
            case let word?: throw .word("display", word, expected: ["summarized", "omitted"])
            }
        } catch { throw error.inside(name) }
        config.listUnknown(in: "thinking.", into: &unknown)
        return thinking
    }

    struct OutputConfig {
        var constraint: OutputConstraint?
        /// For templates that know it.
        var effort: String?
    }

    /// `output_format` is the older place of `output_config.format`.
    mutating func outputConfig() throws(FieldFault) -> OutputConfig {
        var output = OutputConfig()
        if var config = try fields.object("output_config") {
            do throws(FieldFault) {
                output.effort = try Self.effort(&config)
                output.constraint = try Self.jsonSchema("format", of: &config, &unknown)
                if config.take("task_budget") != nil { throw .unsupported("task_budget") }
            } catch { throw error.inside("output_config") }
            config.listUnknown(in: "output_config.", into: &unknown)
        }
        if let older = try Self.jsonSchema("output_format", of: &fields, &unknown) {
            guard output.constraint == nil else { throw .value("output_format", expected: "no second format beside output_config.format") }
            output.constraint = older
        }
        return output
    }

    private static func effort(_ config: inout ObjectReader) throws(FieldFault) -> String? {
        guard let word = try config.text("effort", atMost: DialectLimits.json.bytes) else { return nil }
        guard messageEfforts.contains(word) else { throw .word("effort", word, expected: messageEfforts) }
        return word
    }

    static let messageEfforts = ["low", "medium", "high", "xhigh", "max"]

    private static func jsonSchema(
        _ name: String, of object: inout ObjectReader, _ unknown: inout UnknownFields
    ) throws(FieldFault) -> OutputConstraint? {
        guard var format = try object.object(name) else { return nil }
        do throws(FieldFault) {
            switch try format.text("type", atMost: DialectLimits.json.bytes) {
            case nil: throw .missing("type")
            case "json_schema"?: break
            case let word?: throw .word("type", word, expected: ["json_schema"])
            }
            let schema = try schema(of: &format)
            format.listUnknown(in: "output_config.format.", into: &unknown)
            return .jsonSchema(schema)
        } catch { throw error.inside(name) }
    }

    // MARK: What the server would do to the conversation

    /// Thoughts of earlier turns are left to the templates, whatever is asked. All other edits would have to be made here.
    mutating func contextManagement() throws(FieldFault) {
        let name = "context_management"
        guard var management = try fields.object(name) else { return }
        do throws(FieldFault) {
            for (index, edit) in (try management.array("edits", atMost: DialectLimits.hintWords) ?? []).enumerated() {
                guard let object = edit.asObject else { throw .type("edits[\(index)]", expected: "an object", got: edit) }
                guard let type = object["type"]?.asString else { throw .missing("edits[\(index)].type") }
                guard type.hasPrefix("clear_thinking_") else {
                    throw .unsupported("edits[\(index)]", "with a type that does not begin with 'clear_thinking_'")
                }
            }
        } catch { throw error.inside(name) }
        management.listUnknown(in: "context_management.", into: &unknown)
    }
}
