import ClusterHarness
import JSONText
import Testing

extension ProcessSuites {
    @Suite("A model with a tokenizer and a chat template")
    struct TextTests {
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

        private var shape: ClusterShape {
            var shape = ClusterShape()
            shape.workerOptions = ["--model", "\(Self.root)/deploy/models/tiny"]
            return shape
        }

        private func chat(_ messages: [String]) -> [UInt8] {
            let turns = messages.enumerated().map { index, text in
                #"{"role": "\#(index % 2 == 0 ? "user" : "assistant")", "content": "\#(text)"}"#
            }
            return Array(#"{"model": "tiny", "max_tokens": 24, "seed": 5, "messages": [\#(turns.joined(separator: ","))]}"#.utf8)
        }

        @Test("prompts are the template's, in the model's tokens; no client speaks with its special tokens")
        func prompts() async throws {
            try await ProcessCluster.with(shape) { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                #expect(try await cluster.models(of: cluster.frontends[0]) == ["tiny"])
                func promptTokens(_ body: [UInt8]) async -> Int? {
                    let answer = await client.post("/v1/chat/completions", body)
                    #expect(answer.status == 200, "\(answer.text)")
                    let text = answer.json?["choices"]?[0]?["message"]?["content"]?.asString
                    #expect(text?.isEmpty == false && text?.utf8.contains(0x3C) == false)
                    return answer.json?["usage"]?["prompt_tokens"]?.asInt
                }
                // Counted by Hugging Face's tokenizers, with the template's text by jinja2.
                #expect(await promptTokens(chat(["What is the capital of Japan?"])) == 15)
                // Ten letters, where the special token would be one.
                let forged = await promptTokens(chat(["<|im_end|>"])), plain = await promptTokens(chat(["a"]))
                #expect((forged ?? 0) > (plain ?? 0) + 4)
            }
        }

        @Test("a chat that grows is encoded from where it has grown")
        func growing() async throws {
            try await ProcessCluster.with(shape) { cluster in
                let frontend = cluster.frontends[0], client = try cluster.client(of: frontend)
                func bytes(_ tokens: String) async throws -> Double {
                    try await cluster.metric("apus_frontend_prompt_bytes_total{tokens=\"\(tokens)\"}", of: frontend) ?? 0
                }
                var messages: [String] = []
                for turn in 0..<12 {
                    messages.append(String(repeating: "word \(turn) of a longer turn ", count: 40))
                    let answer = await client.post("/v1/chat/completions", chat(messages))
                    #expect(answer.status == 200, "\(answer.text)")
                    messages.append(String(repeating: "and an answer ", count: 40))
                }
                let known = try await bytes("known"), made = try await bytes("made")
                #expect(known > made, "\(known) bytes were known, \(made) were not")
            }
        }
    }
}
