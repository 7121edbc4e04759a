import Testing
import TextProcessing

@Suite("A model's own sampling")
struct GenerationDefaultsTests {
    @Test("what is there and makes sense is taken, the rest is left open")
    func values() {
        let json = #"{"temperature":0.6,"top_p":0.95,"top_k":20,"repetition_penalty":1e9,"bos_token_id":1,"min_p":"no"}"#
        let defaults = GenerationDefaults.parse(Array(json.utf8))
        #expect(defaults.temperature == 0.6)
        #expect(defaults.topP == 0.95)
        #expect(defaults.topK == 20)
        #expect(defaults.repetitionPenalty == nil)
        #expect(defaults.minP == nil)
    }

    @Test("a model that does not sample is greedy")
    func greedy() {
        #expect(GenerationDefaults.parse(Array(#"{"do_sample":false,"temperature":0.6}"#.utf8)).temperature == 0)
    }

    @Test("no file and no JSON are no defaults", arguments: ["", "[]", "{", "{\"temperature\":-1}"])
    func nothing(_ text: String) {
        #expect(GenerationDefaults.parse(Array(text.utf8)).temperature == nil)
    }
}
