import ClusterModel
import Engines
import JSONText
import Testing

/// What another program computes, in 64-bit numbers, with whole matrices and no cache: `Tests/Fixtures/reference/make.py`.
struct ReferenceVector: Sendable, CustomTestStringConvertible {
    let model: String
    let prompt: [TokenID]
    let tokens: [TokenID]
    /// At each step the best tokens with their logits.
    let best: [[(token: TokenID, logit: Double)]]

    var testDescription: String { "\(model), a prompt of \(prompt.count) tokens" }

    static func all() throws -> [ReferenceVector] {
        let json = try JSONValue(parsing: try ReferenceFiles.bytes(ReferenceFiles.vectors))
        return try #require(json.asArray).map { vector in
            ReferenceVector(
                model: try #require(vector["model"]?.asString), prompt: try tokens(vector["prompt"]), tokens: try tokens(vector["tokens"]),
                best: try #require(vector["best"]?.asArray).map { step in
                    try #require(step.asArray).map { pair in
                        let numbers = try #require(pair.asArray)
                        return (TokenID(try #require(numbers[0].asDouble)), try #require(numbers[1].asDouble))
                    }
                })
        }
    }

    private static func tokens(_ json: JSONValue?) throws -> [TokenID] {
        try #require(json?.asArray).map { TokenID(try #require($0.asDouble)) }
    }
}

@Suite("The reference engine against another program")
struct ReferenceVectorTests {
    @Test("greedy tokens are the same, and how far the best ones are apart is the same to a thousandth, in chunks and with a cached prompt")
    func vectors() throws {
        let models = ["micro": try ReferenceFiles.model(ReferenceFiles.micro), "tiny": try ReferenceFiles.model(ReferenceFiles.tiny)]
        let vectors = try ReferenceVector.all()
        #expect(vectors.count == 7)
        for vector in vectors {
            let run = ReferenceRun(try #require(models[vector.model])) {
                $0.room.maxSequences = 4
                $0.room.maxBatchedTokens = 20
            }
            for _ in 0..<2 {
                let answer = try run.answer(vector.prompt, UInt32(vector.tokens.count)) { $0.topLogprobs = 5 }
                #expect(answer.tokens == vector.tokens, "\(vector.testDescription)")
                for (scores, best) in zip(answer.scores, vector.best) {
                    let top = scores.dropFirst()
                    #expect(top.map(\.token) == best.map(\.token))
                    for (score, expected) in zip(top, best) {
                        let apart = Double(score.logprob) - Double(top[1].logprob) - (expected.logit - best[0].logit)
                        #expect(abs(apart) < 1e-3, "\(vector.testDescription): \(apart)")
                    }
                }
            }
            #expect(run.engine.checkInvariants() == [])
        }
    }
}
