import Testing

@testable import LoadGeneration

@Suite("The load of a record")
struct RecordedLoadTests {
    @Test("requests of one model are planned as they came, what they share by small numbers")
    func load() throws {
        let record = try Record(Samples.file), load = record.workload(of: 0, source: "file")
        #expect(load.blockTokens == 16 && load.source == "file")
        #expect(load.requests.map(\.due) == [.microseconds(1_500), .milliseconds(1_200)])
        #expect(load.requests.map(\.promptTokens) == [40, 33] && load.requests.map(\.outputTokens) == [12, 3])
        #expect(load.requests.map(\.blocks) == [[0, 1], [0, 2]])
        #expect(load.requests.map(\.session) == [4, nil] && load.requests.map(\.tenant) == [1, 0])
        #expect(load.requests.allSatisfy { $0.patience == nil })
        // Request for request what became of it.
        #expect(record.requests(of: 0).map(\.end) == [.finished, .cancelled])
    }

    @Test("a request that ended before its first token asks for one")
    func empty() throws {
        let load = try Record(Samples.file).workload(of: 1, source: "file")
        #expect(load.requests.map(\.outputTokens) == [1] && load.requests[0].blocks.isEmpty && load.blockTokens == 64)
    }
}
