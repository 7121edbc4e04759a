import ClusterModel
import LoadGeneration
import Testing
import WireProtocol

@Suite struct MooncakeFixtureTests {
    /// The trace with the stamps of its owners, if the fixture holds their bytes.
    private func published(_ name: String, bytes: Int, _ digest: String) throws -> Workload {
        let packed = try Fixture.trace("mooncake-\(name).jsonl.zst")
        let text = try Compression().unpackFrames(packed.span.bytes, atMost: TraceLimits.unpackedBytes)
        #expect(text.count == bytes)
        #expect(Digest(hex: digest) == SHA256.digest(of: text))
        var options = TraceOptions()
        options.spreadsStamps = false
        return try TraceReader(options: options).read(packed, name: name)
    }

    @Test("the fixture holds the published bytes, and they are what their owners and others counted")
    func whole() throws {
        let workload = try published("conversation", bytes: 3_029_533, "b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df")
        #expect(workload.source == "conversation (mooncake)")
        #expect(workload.blockTokens == 512)
        let statistics = WorkloadStatistics(workload)
        #expect(statistics.requests == 12_031)
        #expect(statistics.blockReferences == 288_500)
        #expect(statistics.uniqueBlocks == 182_790)
        #expect(statistics.reusableBlocks == 105_710)
        #expect((statistics.reachableHitRate ?? 0) * 10_000 >= 3_664 && (statistics.reachableHitRate ?? 0) * 10_000 < 3_665)
        #expect(statistics.span == .milliseconds(3_536_999))
        #expect(Set(workload.requests.map(\.due)).count == 1_180)
        let lengths = workload.requests.map(\.promptTokens).sorted()
        #expect(lengths.last == 126_195 && lengths[lengths.count / 2] == 6_909)
    }

    @Test("so does that of the synthetic trace, whose prompts share more")
    func synthetic() throws {
        let workload = try published("synthetic", bytes: 1_136_313, "bd070915a98fc0ed264d7cfef2ce746002eb3076a695ec31ba2674c0111ec131")
        let statistics = WorkloadStatistics(workload)
        #expect(statistics.requests == 3_993)
        #expect(statistics.blockReferences == 121_877)
        #expect(statistics.uniqueBlocks == 43_924)
        #expect(statistics.reusableBlocks == 77_953)
        #expect(statistics.span == .milliseconds(1_022_025))
        #expect(Set(workload.requests.map(\.due)).count == 3_982)
        let lengths = workload.requests.map(\.promptTokens).sorted()
        #expect(lengths.last == 191_378 && lengths[lengths.count / 2] == 11_587)
    }

    @Test("the short cut is the begin of the whole, and stamps are spread over the three seconds between them")
    func short() throws {
        let workload = try TraceReader().read(Fixture.trace("mooncake-conversation-200.jsonl"), name: "short")
        #expect(workload.requests.count == 200)
        #expect(Set(workload.requests.map(\.due)).count == 200)
        let gaps = zip(workload.requests, workload.requests.dropFirst()).map { $1.due - $0.due }
        #expect(gaps.allSatisfy { $0 > .zero && $0 <= .milliseconds(3_001) })
        var options = TraceOptions()
        options.requests = 200
        options.spreadsStamps = false
        let whole = try TraceReader(options: options).read(Fixture.trace("mooncake-conversation.jsonl.zst"), name: "whole")
        #expect(whole.requests.map(\.blocks) == workload.requests.map(\.blocks))
        #expect(zip(whole.requests, workload.requests).allSatisfy { $0.due <= $1.due })
    }
}
