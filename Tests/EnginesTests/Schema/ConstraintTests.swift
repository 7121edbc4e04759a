import ClusterModel
import Engines
import JSONText
import Testing

@Suite("Constraints that the mock engine keeps")
struct ConstraintTests {
    /// What one request writes, without the token that ends it.
    private func text(
        _ constraint: EngineConstraint, seed: UInt64 = 7, maxTokens: UInt32? = nil, _ change: (inout EngineRequest) -> Void = { _ in }
    ) throws -> String {
        let run = EngineRun(.test(blocks: 8_192) { $0.contextLength = 100_000 })
        let key = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: maxTokens)], seed: seed) {
            $0.constraint = constraint
            change(&$0)
        }
        try run.finish()
        #expect(run.faults == [])
        #expect(run.finishes[key]?[0] == .endOfText && run.tokens[key]?[0]?.last == 256)
        return String(decoding: (run.tokens[key]?[0] ?? []).dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    /// What is said of it before a request is accepted.
    private func problem(with constraint: EngineConstraint) -> ConstraintProblem? {
        do throws(ConstraintProblem) { _ = try ConstrainedText(constraint) } catch { return error }
        return nil
    }

    @Test("what is written satisfies the schema, compactly, for every seed", arguments: keptSchemas)
    func kept(schema: String) throws {
        let source = Array(schema.utf8), twin = SchemaTwin(root: try JSONValue(parsing: schema))
        #expect(problem(with: .jsonSchema(source)) == nil)
        for seed in 0..<12 as Range<UInt64> {
            let text = try text(.jsonSchema(source), seed: seed), value = try JSONValue(parsing: text)
            #expect(twin.broken(value) == nil, "seed \(seed): \(text)")
            #expect(value.encoded() == Array(text.utf8))
            #expect(text.utf8.count <= 64 << 10)
        }
    }

    @Test("what cannot be kept is refused with keyword and place, and without a value of the client's", arguments: refusedSchemas.indices)
    func refused(index: Int) throws {
        let (schema, says) = refusedSchemas[index]
        let constraint = EngineConstraint.jsonSchema(Array(schema.utf8))
        let problem = try #require(self.problem(with: constraint), "\(schema)")
        #expect(problem.description == says)
        #expect(!problem.description.contains("secret"))
        let run = EngineRun()
        let key = run.admit(1) { $0.constraint = constraint }
        try run.finish()
        #expect(run.ended[key]?.reason == .failed(.unsupported("constraint")) && run.faults == [])
    }

    @Test("members come in the order of the schema's; optional ones come and stay away, and so do kinds")
    func order() throws {
        let schema = #"{"properties":{"z":{"type":["integer","string"]},"b":{"type":"null"},"a":{"enum":[1,2,3]}},"required":["a","z"]}"#
        var seen: Set<[String]> = [], kinds: Set<Bool> = []
        for seed in 0..<40 as Range<UInt64> {
            let value = try JSONValue(parsing: try text(.jsonSchema(Array(schema.utf8)), seed: seed))
            seen.insert(Array((value.asObject ?? JSONObject()).names))
            kinds.insert(value["z"]?.asString == nil)
        }
        #expect(seen == [["z", "b", "a"], ["z", "a"]] && kinds.count == 2)
    }

    @Test("any object is an object with something in it; a choice is one of the texts as it stands")
    func others() throws {
        var texts: Set<String> = []
        for seed in 0..<20 as Range<UInt64> {
            #expect(try JSONValue(parsing: try text(.jsonObject, seed: seed)).asObject?.isEmpty == false)
            texts.insert(try text(.choice(Array(#"["yes","no","perhaps \"so\""]"#.utf8)), seed: seed))
        }
        #expect(texts == ["yes", "no", #"perhaps "so""#])
        for wrong in ["[]", "[1]", "{}", "x", #""yes""#] {
            #expect(problem(with: .choice(Array(wrong.utf8))) != nil)
        }
        #expect(problem(with: .regex([])) != nil && problem(with: .grammar([])) != nil)
    }

    @Test("a form that is complete ends, whatever else is wanted; a limit cuts it")
    func ends() throws {
        let schema = EngineConstraint.jsonSchema(Array(#"{"type":"object","properties":{"a":{"const":"x"}},"required":["a"]}"#.utf8))
        let whole = try text(schema)
        #expect(whole == #"{"a":"x"}"#)
        #expect(try text(schema, maxTokens: 500) { $0.sampling.ignoreEndOfText = true } == whole)
        #expect(try text(schema) { $0.choices[0].minTokens = 100 } == whole)
        let run = EngineRun()
        let key = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: 4)]) { $0.constraint = schema }
        try run.finish()
        #expect(run.text(key) == #"{"a""# && run.finishes[key]?[0] == .length)
    }

    @Test("a schema of many references, alternatives or levels costs no more than its bounds")
    func bounds() throws {
        func problem(_ schema: String) -> String? {
            self.problem(with: .jsonSchema(Array(schema.utf8)))?.description
        }
        // Each level has twice as many sets of schemas as the one above.
        let pairs = (0..<20).map { level in
            let next = ##"{"$ref":"#/$defs/l\##(level + 1)"}"##
            return #""l\#(level)":{"anyOf":[{"properties":{"a":\#(next)}},{"properties":{"b":\#(next)}}]}"#
        }
        _ = problem(##"{"$ref":"#/$defs/l0","$defs":{\##(pairs.joined(separator: ",")),"l20":{}}}"##)
        let unions = Array(repeating: #"{"anyOf":[{"minimum":1},{"minimum":2},{"minimum":3}]}"#, count: 40).joined(separator: ",")
        #expect(problem(#"{"type":"integer","allOf":[\#(unions)]}"#) != nil)
        let chain = (0..<3_000).map { ##""c\##($0)":{"type":"object","properties":{"a":{"$ref":"#/$defs/c\##($0 + 1)"}}}"## }
        #expect(problem(##"{"$ref":"#/$defs/c0","$defs":{\##(chain.joined(separator: ",")),"c3000":{}}}"##) == nil)
        let loop = (0..<100).map { ##""c\##($0)":{"$ref":"#/$defs/c\##(($0 + 1) % 100)"}"## }
        #expect(problem(##"{"$ref":"#/$defs/c0","$defs":{\##(loop.joined(separator: ","))}}"##) != nil)
        let values = (0..<9_000).map { "\($0)" }.joined(separator: ",")
        #expect(problem(#"{"enum":[\#(values)]}"#) == nil)
        #expect(problem(String(repeating: #"{"items":"#, count: 40) + "true" + String(repeating: "}", count: 40)) == nil)
        #expect(problem(String(repeating: #"{"minItems":1,"items":"#, count: 40) + "true" + String(repeating: "}", count: 40)) != nil)
        for far in ["1e-9223372036854775808", "1e9223372036854775807", "1e-99999999999999999999"] {
            for keyword in ["minimum", "maximum", "exclusiveMinimum", "multipleOf", "const"] {
                _ = problem(##"{"type":"number","\##(keyword)":\##(far)}"##)
            }
            _ = problem(##"{"enum":[\##(far),1],"minimum":0}"##)
        }
        for keyword in ["minLength", "minItems", "minProperties"] {
            let said = problem(#"{"\#(keyword)":9223372036854775807}"#)
            #expect(said == "all values are longer than 65536 bytes", "\(keyword)")
        }
        for keyword in ["maxLength", "maxItems", "maxProperties"] { #expect(problem(#"{"\#(keyword)":9223372036854775807}"#) == nil) }
        #expect(problem("\"" + String(repeating: "x", count: 300_000) + "\"") != nil)
    }

    @Test("no damage to a schema traps, and what is kept then is kept", arguments: 0..<6 as Range<UInt64>)
    func damage(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for schema in keptSchemas {
            var bytes = Array(schema.utf8)
            for _ in 0..<1 + random.next() % 3 where !bytes.isEmpty {
                let place = Int(random.next() % UInt64(bytes.count)), other = keptSchemas[Int(random.next() % UInt64(keptSchemas.count))]
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(random.next() % 128)
                case 1: bytes.remove(at: place)
                default: bytes.replaceSubrange(place..<min(bytes.count, place + 2), with: Array(other.utf8))
                }
            }
            guard problem(with: .jsonSchema(bytes)) == nil else { continue }
            let run = EngineRun(.test(blocks: 8_192) { $0.contextLength = 100_000 })
            let key = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: nil)], seed: seed) { $0.constraint = .jsonSchema(bytes) }
            try run.finish()
            let text = (run.tokens[key]?[0] ?? []).dropLast().map { UInt8(truncatingIfNeeded: $0) }
            #expect(throws: Never.self, "seed \(seed)") { try JSONValue(parsing: text) }
        }
    }

    @Test("an engine without them says so, and so does one that cannot spell what it makes up")
    func without() throws {
        for change in [{ $0.constraints = false }, { $0.vocabulary = silent }] as [(inout MockConfiguration) -> Void] {
            let run = EngineRun(.test(change))
            #expect(!run.engine.profile.capabilities.contains(.constraints))
            let key = run.admit(1) { $0.constraint = .jsonObject }
            try run.finish()
            #expect(run.ended[key]?.reason == .failed(.unsupported("constraint")))
        }
    }
}

/// A vocabulary without a spelling.
private let silent = MockVocabulary(
    files: [], generationDefaults: [], size: 1_000, endOfText: 999, speech: (300..<700).map { TokenID($0) })
