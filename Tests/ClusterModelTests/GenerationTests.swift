import ClusterModel
import Testing

@Suite("Requests in no API's words") struct GenerationTests {
    @Test("defaults fill what is open, in their order, and never what the client said")
    func filling() {
        var client = SamplingParameters()
        client.temperature = 0
        client.stopTexts = ["x"]
        var model = SamplingParameters()
        model.temperature = 0.7
        model.topP = 0.9
        model.maxTokens = 12
        model.stopTexts = ["model's"]
        model.minTokens = 3
        model.seed = 5
        let filled = client.filled(from: model).filled(from: .neutral)
        var expected = SamplingParameters.neutral
        expected.temperature = 0
        expected.topP = 0.9
        expected.maxTokens = 12
        expected.stopTexts = ["x"]
        #expect(filled == expected)
    }

    @Test("only the annotation that asks for placement asks for placement")
    func queryOnly() {
        var hints = RoutingHints()
        #expect(!hints.isQueryOnly && !hints.wants("timing"))
        hints.annotations = ["token_ids", "query_instance_id"]
        #expect(!hints.isQueryOnly)
        hints.annotations.append("query_instance_id:")
        hints.extraFields = ["worker_id"]
        #expect(hints.isQueryOnly && hints.wants("worker_id") && !hints.wants("timing"))
    }

    @Test("the total is prompt and completion; cached and reasoning tokens are among them")
    func usage() {
        #expect(TokenUsage(promptTokens: 10, cachedTokens: 8, completionTokens: 5, reasoningTokens: 4).totalTokens == 15)
    }
}
