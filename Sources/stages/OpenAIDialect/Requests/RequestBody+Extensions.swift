import ClusterModel
import JSONText

/// What `nvext` says beside hints.
struct ExtensionFields {
    var hints = RoutingHints()
    var isGreedy = false
    /// The prompt is not to be rendered by a template.
    var isRawPrompt = false
    /// Instead of the prompt in words.
    var promptTokens: [TokenID]?
    var maxThinkingTokens: UInt32?
}

extension RequestBody {
    mutating func extensions() throws(FieldFault) -> ExtensionFields {
        guard var nvext = try fields.object("nvext") else { return ExtensionFields() }
        do throws(FieldFault) { return try extensions(&nvext) } catch { throw error.inside("nvext") }
    }

    private mutating func extensions(_ nvext: inout ObjectReader) throws(FieldFault) -> ExtensionFields {
        var read = ExtensionFields()
        let words = 0...DialectLimits.label
        read.hints.extraFields = try nvext.texts("extra_fields", atMost: DialectLimits.hintWords, bytes: words) ?? []
        read.hints.annotations = try nvext.texts("annotations", atMost: DialectLimits.hintWords, bytes: words) ?? []
        try Self.pins(&nvext, &read.hints)
        try agentHints(&nvext, &read.hints)
        read.hints.session = try session(&nvext)
        read.hints.overrides = try overrides(&nvext)
        read.hints.requestTimestampMilliseconds = try nvext.number("request_timestamp_ms", in: 0...DialectLimits.latestMilliseconds)
        read.isGreedy = try nvext.flag("greed_sampling") ?? false
        read.isRawPrompt = try nvext.flag("use_raw_prompt") ?? false
        read.promptTokens = try nvext.array("token_data", atMost: DialectLimits.promptTokens).map { (elements) throws(FieldFault) in
            try Self.tokens(elements, "token_data")
        }
        read.maxThinkingTokens = try nvext.word32("max_thinking_tokens")
        try mediaRouting(&nvext)
        // Ignored, it would let prompts share a cache that their clients want apart.
        if nvext.take("cache_salt") != nil { throw .unsupported("cache_salt") }
        nvext.listUnknown(in: "nvext.", into: &unknown)
        return read
    }

    /// Where media lie in the prompt, from whoever prepared it. No model here takes any, so it is checked and counted with what means nothing.
    private mutating func mediaRouting(_ nvext: inout ObjectReader) throws(FieldFault) {
        guard var info = try nvext.object("mm_routing_info") else { return }
        unknown.add("mm_routing_info", in: "nvext.")
        do throws(FieldFault) {
            if let tokens = try info.array("routing_token_ids", atMost: DialectLimits.promptTokens) {
                _ = try Self.tokens(tokens, "routing_token_ids")
            }
            for (index, block) in (try info.array("block_mm_infos", atMost: DialectLimits.promptTokens) ?? []).enumerated() {
                guard !block.isNull else { continue }
                do throws(FieldFault) { try Self.checkBlock(block) } catch { throw error.inside("block_mm_infos", index) }
            }
        } catch { throw error.inside("mm_routing_info") }
    }

    private static func checkBlock(_ block: JSONValue) throws(FieldFault) {
        guard let object = block.asObject else { throw .type("", expected: "an object", got: block) }
        var fields = try ObjectReader(object)
        for (index, medium) in (try fields.array("mm_objects", atMost: DialectLimits.mediaPerBlock) ?? []).enumerated() {
            do throws(FieldFault) {
                guard let object = medium.asObject else { throw .type("", expected: "an object", got: medium) }
                var fields = try ObjectReader(object)
                guard try fields.word64("mm_hash", signed: false) != nil else { throw .missing("mm_hash") }
                for (index, offset) in (try fields.array("offsets", atMost: DialectLimits.mediaPerBlock) ?? []).enumerated() {
                    let ends = offset.asArray ?? []
                    guard ends.count == 2, ends.allSatisfy({ $0.asUInt64 != nil }) else {
                        throw .value("offsets[\(index)]", expected: "two integers that are not negative")
                    }
                }
            } catch { throw error.inside("mm_objects", index) }
        }
    }

    private static func pins(_ nvext: inout ObjectReader, _ hints: inout RoutingHints) throws(FieldFault) {
        hints.backendInstance = try nvext.worker("backend_instance_id")
        hints.prefillWorker = try nvext.worker("prefill_worker_id")
        hints.decodeWorker = try nvext.worker("decode_worker_id")
        hints.rank = try nvext.word32("dp_rank").map { Rank($0) }
        hints.prefillRank = try nvext.word32("prefill_dp_rank").map { Rank($0) }
    }

    private mutating func agentHints(_ nvext: inout ObjectReader, _ hints: inout RoutingHints) throws(FieldFault) {
        guard var agent = try nvext.object("agent_hints") else { return }
        do throws(FieldFault) {
            hints.priority = try agent.integer("priority", in: Int(Int32.min)...Int(Int32.max)).map { Int32($0) }
            hints.strictPriority = try agent.word32("strict_priority")
            hints.expectedOutputTokens = try agent.word32("osl")
            hints.speculativePrefill = try agent.flag("speculative_prefill")
            hints.latencySensitivity = try agent.number("latency_sensitivity", in: DialectLimits.anyFloat)
        } catch { throw error.inside("agent_hints") }
        agent.listUnknown(in: "nvext.agent_hints.", into: &unknown)
    }

    private mutating func session(_ nvext: inout ObjectReader) throws(FieldFault) -> SessionHint? {
        guard var control = try nvext.object("session_control") else { return nil }
        do throws(FieldFault) {
            guard let value = control.take("session_id") else { throw .missing("session_id") }
            var session = SessionHint(id: try value.text("session_id", 1...DialectLimits.session))
            switch try control.text("action", atMost: DialectLimits.json.bytes) {
            case nil: break
            case "open"?: session.action = .open
            case "close"?: session.action = .close
            case "bind"?: session.action = .bind
            case let word?: throw .word("action", word, expected: ["open", "close", "bind"])
            }
            session.timeoutSeconds = try control.integer("timeout", in: 1...DialectLimits.sessionSeconds).map { UInt32($0) }
            control.listUnknown(in: "nvext.session_control.", into: &unknown)
            return session
        } catch { throw error.inside("session_control") }
    }

    private mutating func overrides(_ nvext: inout ObjectReader) throws(FieldFault) -> RouterOverrides {
        var overrides = RouterOverrides()
        guard var router = try nvext.object("router_config_override") else { return overrides }
        do throws(FieldFault) {
            overrides.overlapWeight = try router.float("overlap_score_weight", in: DialectLimits.weights)
            overrides.temperature = try router.float("router_temperature", in: DialectLimits.weights)
            overrides.assumesReuse = try router.flag("assume_kv_reuse")
            overrides.tracksPrefill = try router.flag("track_prefill_tokens")
        } catch { throw error.inside("router_config_override") }
        router.listUnknown(in: "nvext.router_config_override.", into: &unknown)
        return overrides
    }

    static func tokens(_ elements: [JSONValue], _ name: String) throws(FieldFault) -> [TokenID] {
        var tokens: [TokenID] = []
        tokens.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            // The name is spelled out only for the element that fails.
            guard let token = element.asUInt64.flatMap({ TokenID(exactly: $0) }) else {
                throw try .notAToken("\(name)[\(index)]", element)
            }
            tokens.append(token)
        }
        return tokens
    }
}

extension FieldFault {
    /// What an element is that is no token id.
    fileprivate static func notAToken(_ name: String, _ value: JSONValue) throws(FieldFault) -> FieldFault {
        _ = try value.integer(name, in: 0...Int(TokenID.max))
        return .type(name, expected: "a token id", got: value)
    }
}
