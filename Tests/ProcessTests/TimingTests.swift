import ClusterHarness
import EventLoop
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Clients are told how long it took")
    struct TimingTests {
        /// Milliseconds are told to the nanosecond; sums of their doubles are not.
        private static let rounding = 1e-6

        @Test("on a live cluster wait and prefill are the time to first token, that is within the total, and so is the sum of the stages")
        func relations() async throws {
            try await ProcessCluster.with { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                for streams in [true, false] {
                    for choices in [1, 3] {
                        var request = ChatRequest(model: "apus-mock", prompt: "Tell me of the sea and its times.", maxTokens: 48)
                        request.seed = 5
                        request.streams = streams
                        request.choices = choices
                        request.extra = [("nvext", ["extra_fields": ["timing", "stages", "worker_id"]])]
                        let reply = await client.chat(request)
                        #expect(reply.isComplete, "\(reply.summary)")
                        let told = Self.told(reply)
                        #expect(told.count == (streams ? choices : 1))
                        for nvext in told { try check(nvext) }
                        #expect((reply.http["server-timing"]?.contains("total;dur=") ?? false) == !streams)
                    }
                }
            }
        }

        @Test("without asking there is no nvext in what a live cluster answers")
        func notAsked() async throws {
            try await ProcessCluster.with { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                for streams in [true, false] {
                    var request = ChatRequest(model: "apus-mock", prompt: "Hello", maxTokens: 8)
                    request.streams = streams
                    let reply = await client.chat(request)
                    #expect(reply.isComplete, "\(reply.summary)")
                    let parts =
                        streams ? reply.http.events.events.compactMap { try? JSONValue(parsing: $0.data) } : [reply.http.json ?? .null]
                    #expect(!parts.isEmpty && parts.allSatisfy { $0["nvext"] == nil })
                }
            }
        }

        /// The `nvext` of each chunk that has times, or of the body.
        private static func told(_ reply: ChatReply) -> [JSONValue] {
            let parts =
                reply.http.isStream ? reply.http.events.events.compactMap { try? JSONValue(parsing: $0.data) } : [reply.http.json ?? .null]
            return parts.compactMap { $0["nvext"] }.filter { $0["timing"] != nil }
        }

        private func check(_ nvext: JSONValue) throws {
            func time(_ name: String) throws -> Double { try #require(nvext["timing"]?[name]?.asDouble, "\(name) in \(nvext)") }
            let first = try time("ttft_ms"), total = try time("total_time_ms")
            #expect(abs(try time("prefill_wait_time_ms") + time("prefill_time_ms") - first) < Self.rounding)
            #expect(first <= total)
            let stages = try #require(nvext["stages"]?.asObject)
            for name in ["tokenize_ms", "route_ms", "dispatch_ms", "worker_wait_ms", "prefill_ms", "decode_ms", "detokenize_ms"] {
                #expect(stages[name]?.asDouble != nil, "\(name)")
            }
            let spans = stages.members.compactMap(\.value.asDouble)
            #expect(spans.allSatisfy { $0 >= 0 } && spans.reduce(0, +) <= total + Self.rounding)
        }
    }
}
