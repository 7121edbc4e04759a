import ClusterModel
package import JSONText

/// How a record names placements.
package enum PlacementNaming: Sendable {
    /// By numbers that mean something in this record only: clients learn nothing of the cluster.
    case ordinals
    /// By worker and rank.
    case ids
}

extension DecisionRecord {
    /// The largest one, of three legs with all candidates that are kept, has less than a quarter of a mebibyte.
    /// - Parameter before: the decision on the leg that ran before this one, written as a member; names mean the same in both.
    package func write(to json: inout JSONWriter, naming: PlacementNaming, before: DecisionRecord? = nil) {
        write(to: &json, PlacementNames([self] + (before.map { [$0] } ?? []), naming), before)
    }

    private func write(to json: inout JSONWriter, _ names: PlacementNames, _ before: DecisionRecord?) {
        json.beginObject()
        json.member("request", facts.request.description)
        json.member("attempt", UInt64(facts.attempt))
        json.member("query_only", facts.isQuestion)
        json.member("session", "\(facts.session)")
        if let path = facts.handOver { json.member("hand_over", "\(path)") }
        json.member("queue_ms", facts.queued.milliseconds)
        json.member("queue_depth", UInt64(facts.queueDepth))
        json.member("decision_ms", facts.took.milliseconds)
        json.member("draw", Hexadecimal.text(draw.rawValue))
        json.member("shape", "\(shape)")
        json.key("choice")
        json.beginArray()
        for leg in taken {
            json.beginObject()
            json.member("leg", "\(leg.rule.leg)")
            names.write(leg.candidates[leg.chosen].placement, to: &json)
            json.endObject()
        }
        json.endArray()
        json.key("legs")
        json.beginArray()
        for leg in legs { leg.write(to: &json, names) }
        json.endArray()
        if let before {
            json.key("before")
            before.write(to: &json, names, nil)
        }
        json.endObject()
    }
}

/// Ordinals are the order of the records' placements.
private struct PlacementNames {
    private let naming: PlacementNaming
    private var sorted: [Placement] = []

    init(_ records: [DecisionRecord], _ naming: PlacementNaming) {
        self.naming = naming
        guard naming == .ordinals else { return }
        let placements = records.flatMap { $0.legs.flatMap { $0.candidates.map(\.placement) } }
        for placement in placements.sorted() where placement != sorted.last { sorted.append(placement) }
    }

    func write(_ placement: Placement, to json: inout JSONWriter) {
        switch naming {
        case .ids:
            json.member("worker", placement.worker.description)
            json.member("rank", UInt64(placement.rank.rawValue))
        case .ordinals: json.member("placement", UInt64(sorted.firstIndex(of: placement) ?? 0))
        }
    }
}

extension DecisionRecord.Leg {
    fileprivate func write(to json: inout JSONWriter, _ names: PlacementNames) {
        json.beginObject()
        json.member("leg", "\(rule.leg)")
        json.member("by", "\(rule.means)")
        rule.formula.write(to: &json)
        json.key("counts")
        json.beginObject()
        json.member("considered", UInt64(counts.considered))
        json.member("eligible", UInt64(counts.eligible))
        json.member("busy", UInt64(counts.busy))
        json.member("left_out", UInt64(counts.leftOut))
        json.endObject()
        json.member("chosen", UInt64(chosen))
        json.key("candidates")
        json.beginArray()
        for place in candidates.indices {
            json.beginObject()
            names.write(candidates[place].placement, to: &json)
            candidates[place].write(to: &json)
            cost(of: place).write(to: &json)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}

extension CostFormula {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("policy", settings.policy.rawValue)
        json.member("prompt_tokens", UInt64(tokens))
        json.member("block_size", UInt64(blockSize))
        json.member("prompt_blocks", blocks)
        json.member("output_tokens", UInt64(outputTokens))
        json.member("disturbs_decoding", disturbsDecoding)
        json.member("least_prefill_tokens", leastPrefillTokens)
        json.member("least_turnover", Double(leastTurnover))
        json.key("assumed_latency")
        assumedLatency.write(to: &json)
        if let usualLatency {
            json.key("usual_latency")
            usualLatency.write(to: &json)
        }
        json.key("settings")
        json.beginObject()
        for knob in SettingName.numbers { json.member(knob.name, settings[keyPath: knob.path]) }
        for knob in SettingName.switches { json.member(knob.name, settings[keyPath: knob.path]) }
        json.endObject()
    }
}

/// Settings as records and options spell them, in their order.
enum SettingName {
    static var numbers: [(name: String, path: WritableKeyPath<SelectionSettings, Double>)] {
        [
            ("prefill_load_scale", \.prefillLoadScale), ("held_block_weight", \.heldBlockWeight), ("decode_load_scale", \.decodeLoadScale),
            ("overlap_credit", \.overlapCredit), ("overlap_credit_decay", \.overlapCreditDecay),
            ("host_weight", \.hostWeight), ("disk_weight", \.diskWeight), ("external_weight", \.externalWeight),
            ("active_request_weight", \.activeRequestWeight), ("temperature", \.temperature), ("transfer_weight", \.transferWeight),
            ("interference_weight", \.interferenceWeight), ("eviction_weight", \.evictionWeight),
        ]
    }

    static var switches: [(name: String, path: WritableKeyPath<SelectionSettings, Bool>)] {
        [("assume_reuse", \.assumeReuse), ("track_prefill", \.trackPrefill), ("track_active_blocks", \.trackActiveBlocks)]
    }
}

extension LatencyEstimate {
    /// Milliseconds: of a prefill, a token of it, a decoding step, a held block in it.
    fileprivate func write(to json: inout JSONWriter) {
        json.beginArray()
        for term in [prefillFixed, prefillToken, step, stepBlock] { json.number(Double(term)) }
        json.endArray()
    }
}

extension Appraisal {
    fileprivate func write(to json: inout JSONWriter) {
        json.key("load")
        json.beginObject()
        json.member("prefill_tokens", inputs.prefillTokens)
        json.member("blocks", inputs.heldBlocks)
        json.member("requests", inputs.heldRequests)
        json.member("step_tokens", UInt64(inputs.stepTokens))
        json.member("last_turn", inputs.lastTurn)
        json.member("indexed_blocks", indexedBlocks)
        json.member("turnover", Double(inputs.turnover))
        if let latency = inputs.latency {
            json.key("latency")
            latency.write(to: &json)
        }
        json.endObject()
        json.key("cached")
        json.beginObject()
        for tier in MatchName.all { json.member(tier.name, UInt64(inputs.match[keyPath: tier.path])) }
        json.endObject()
        json.member("partner", inputs.partner)
        json.member("ticket", ticket)
    }
}

/// What of a prompt is where, as records spell it.
enum MatchName {
    static var all: [(name: String, path: WritableKeyPath<BlockMatch, UInt32>)] {
        [
            ("confirmed", \.confirmed), ("device", \.device), ("host", \.host), ("disk", \.disk), ("external", \.external),
            ("active", \.active),
        ]
    }
}

extension PlacementCost {
    fileprivate func write(to json: inout JSONWriter) {
        json.key("cost")
        json.beginObject()
        json.member("prefill_tokens", prefillTokens)
        json.member("active_blocks", activeBlocks)
        json.member("credit", credit)
        json.member("interference", interference)
        json.member("eviction", eviction)
        json.member("prefill", prefill)
        json.member("decode", decode)
        json.member("total", total)
        json.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    fileprivate mutating func member(_ name: String, _ value: UInt64) {
        key(name)
        number(value)
    }

    fileprivate mutating func member(_ name: String, _ value: Double) {
        key(name)
        number(value)
    }

    fileprivate mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }
}

extension Duration {
    fileprivate var milliseconds: Double { Double(inNanoseconds) * 1e-6 }
}
