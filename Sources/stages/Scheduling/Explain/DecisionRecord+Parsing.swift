import ClusterModel
package import JSONText

/// What is wrong with a text that should be a record.
package struct DecisionFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Such as `legs[0].candidates[3].load.blocks`.
    package let field: String
    package let problem: String

    package var description: String { "\(field): \(problem)" }
}

extension DecisionRecord {
    /// As `write` wrote it. With ordinals, worker n stands for the n-th placement; costs are computed again and need not be there.
    package init(_ json: JSONValue) throws(DecisionFault) {
        let reader = try RecordReader(json, at: "")
        var facts = DecisionFacts()
        let request = try reader.text("request")
        guard let id = RequestID(text: request) else { throw reader.fault("request", "it is no id of a request") }
        facts.request = id
        facts.attempt = try reader.integer("attempt")
        facts.isQuestion = try reader.truth("query_only")
        facts.session = try reader.word("session", DecisionSession.self)
        if reader.has("hand_over") { facts.handOver = try reader.word("hand_over", SplitPath.self) }
        facts.queued = try reader.duration("queue_ms")
        facts.queueDepth = try reader.integer("queue_depth")
        facts.took = try reader.duration("decision_ms")
        guard let draw = Hexadecimal.word(try reader.text("draw")) else {
            throw reader.fault("draw", "it has not sixteen hexadecimal digits")
        }
        let shape = try reader.word("shape", DecisionShape.self)
        var legs: [Leg] = []
        for leg in try reader.objects("legs", 1...PlacementRole.allCases.count) { legs.append(try Leg(leg, DecisionDraw(draw))) }
        self.init(facts: facts, draw: DecisionDraw(draw), shape: shape, legs: legs)
        guard !taken.isEmpty else { throw reader.fault("shape", "there is no such leg") }
    }
}

extension DecisionRecord.Leg {
    fileprivate init(_ reader: RecordReader, _ draw: DecisionDraw) throws(DecisionFault) {
        let rule = LegRule(
            leg: try reader.word("leg", PlacementRole.self), means: try reader.word("by", ChoiceMeans.self),
            formula: try CostFormula(reader), draw: draw)
        var counts = LegCounts()
        let counted = try reader.object("counts")
        counts.considered = try counted.integer("considered")
        counts.eligible = try counted.integer("eligible")
        counts.busy = try counted.integer("busy")
        counts.leftOut = try counted.integer("left_out")
        var candidates: [Appraisal] = []
        for candidate in try reader.objects("candidates", 1...SelectionLimits.shortlist) { candidates.append(try Appraisal(candidate)) }
        let chosen: UInt16 = try reader.integer("chosen")
        guard candidates.indices.contains(Int(chosen)) else { throw reader.fault("chosen", "there is no such candidate") }
        self.init(rule: rule, counts: counts, candidates: candidates, chosen: Int(chosen))
    }
}

extension CostFormula {
    fileprivate init(_ reader: RecordReader) throws(DecisionFault) {
        var settings = SelectionSettings()
        guard let policy = SelectionPolicy(rawValue: try reader.text("policy")) else {
            throw reader.fault("policy", "there is no such policy")
        }
        settings.policy = policy
        let knobs = try reader.object("settings")
        for knob in SettingName.numbers { settings[keyPath: knob.path] = try knobs.amount(knob.name) }
        for knob in SettingName.switches { settings[keyPath: knob.path] = try knobs.truth(knob.name) }
        self.init(
            settings: settings, tokens: try reader.integer("prompt_tokens"), blockSize: try reader.integer("block_size"),
            outputTokens: try reader.integer("output_tokens"))
        disturbsDecoding = try reader.truth("disturbs_decoding")
        leastPrefillTokens = try reader.integer("least_prefill_tokens")
        leastTurnover = Float(try reader.amount("least_turnover"))
        guard let assumed = try reader.latency("assumed_latency") else { throw reader.fault("assumed_latency", "it is missing") }
        assumedLatency = assumed
        usualLatency = try reader.latency("usual_latency")
    }
}

extension Appraisal {
    fileprivate init(_ reader: RecordReader) throws(DecisionFault) {
        let placement: Placement
        if reader.has("placement") {
            placement = Placement(worker: WorkerID(try reader.integer("placement")), rank: Rank(0))
        } else {
            guard let worker = WorkerID(text: try reader.text("worker")) else { throw reader.fault("worker", "it is no id") }
            placement = Placement(worker: worker, rank: Rank(try reader.integer("rank")))
        }
        var inputs = CostInputs()
        let load = try reader.object("load")
        inputs.prefillTokens = try load.integer("prefill_tokens")
        inputs.heldBlocks = try load.integer("blocks")
        inputs.heldRequests = try load.integer("requests")
        inputs.stepTokens = try load.integer("step_tokens")
        inputs.lastTurn = try load.integer("last_turn")
        inputs.turnover = Float(try load.amount("turnover"))
        inputs.latency = try load.latency("latency")
        inputs.partner = try reader.amount("partner")
        let cached = try reader.object("cached")
        for tier in MatchName.all { inputs.match[keyPath: tier.path] = try cached.integer(tier.name) }
        self.init(
            placement: placement, inputs: inputs, indexedBlocks: try load.integer("indexed_blocks"), ticket: try reader.integer("ticket"))
    }
}

/// One object of a record, and where it stands.
private struct RecordReader {
    private let members: JSONObject
    private let path: String

    init(_ value: JSONValue?, at path: String) throws(DecisionFault) {
        guard let members = value?.asObject else {
            throw DecisionFault(
                field: path.isEmpty ? "the record" : path, problem: value == nil ? "it is missing" : "an object is expected")
        }
        self.members = members
        self.path = path
    }

    func fault(_ name: String, _ problem: String) -> DecisionFault { DecisionFault(field: place(name), problem: problem) }
    private func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func has(_ name: String) -> Bool { members[name] != nil }

    func text(_ name: String) throws(DecisionFault) -> String {
        guard let text = try value(name).asString else { throw fault(name, "text is expected") }
        return text
    }

    func truth(_ name: String) throws(DecisionFault) -> Bool {
        guard let truth = try value(name).asBool else { throw fault(name, "true or false is expected") }
        return truth
    }

    func integer<Value: FixedWidthInteger>(_ name: String) throws(DecisionFault) -> Value {
        guard let value = try value(name).asUInt64.flatMap({ Value(exactly: $0) }) else {
            throw fault(name, "a whole number from 0 to \(Value.max) is expected")
        }
        return value
    }

    /// A weight: not below 0, and nothing that would make sums of it meaningless.
    func amount(_ name: String) throws(DecisionFault) -> Double {
        guard let value = try value(name).asDouble, value >= 0, value <= Self.most else { throw fault(name, "a number from 0 is expected") }
        return value
    }

    private static let most = 1e12

    func duration(_ name: String) throws(DecisionFault) -> Duration {
        .nanoseconds(Int64((try amount(name) * 1e6).rounded().clamped(to: 0...9e18)))
    }

    func word<Word: CaseIterable>(_ name: String, _ type: Word.Type) throws(DecisionFault) -> Word {
        let text = try text(name)
        guard let word = Word.allCases.first(where: { "\($0)" == text }) else {
            throw fault(name, "one of \(Word.allCases.map { "\($0)" }.joined(separator: ", ")) is expected")
        }
        return word
    }

    func latency(_ name: String) throws(DecisionFault) -> LatencyEstimate? {
        guard let value = members[name] else { return nil }
        let terms = (value.asArray ?? []).compactMap(\.asDouble).filter { $0 >= 0 && $0 <= Self.most }
        guard terms.count == 4 else { throw fault(name, "four numbers from 0 are expected") }
        return LatencyEstimate(
            prefillFixed: Float(terms[0]), prefillToken: Float(terms[1]), step: Float(terms[2]), stepBlock: Float(terms[3]))
    }

    func object(_ name: String) throws(DecisionFault) -> RecordReader { try RecordReader(members[name], at: place(name)) }

    func objects(_ name: String, _ count: ClosedRange<Int>) throws(DecisionFault) -> [RecordReader] {
        guard let elements = try value(name).asArray, count.contains(elements.count) else {
            throw fault(name, "an array of \(count.lowerBound) to \(count.upperBound) is expected")
        }
        var readers: [RecordReader] = []
        for (index, element) in elements.enumerated() { readers.append(try RecordReader(element, at: "\(place(name))[\(index)]")) }
        return readers
    }

    private func value(_ name: String) throws(DecisionFault) -> JSONValue {
        guard let value = members[name] else { throw fault(name, "it is missing") }
        return value
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { min(max(self, range.lowerBound), range.upperBound) }
}
