import ClusterModel
@testable import EngineAdapters
import Engines
import TextProcessing

extension FuzzTarget {
    /// The events of one answer of an engine's server, a line each; the first byte chooses whose words they are and what was asked for. What is taken
    /// from it is what was asked for, at most, and the same events say the same.
    static let engineAnswer = FuzzTarget(name: "engine-answer", longest: 4096) { bytes in
        guard let first = bytes.first, let text = EngineText.standard else { return }
        let events = bytes.dropFirst().split(separator: UInt8(ascii: "\n")).map { Array($0) }
        let asked = EngineQuestion(topLogprobs: first & 4 == 0 ? nil : UInt32(first >> 6))
        let once = heard(events, reader(first & 3, asked, text), asked), again = heard(events, reader(first & 3, asked, text), asked)
        demand(once == again, "the same events say something else")
    }

    private struct EngineQuestion {
        let room = 64
        let topLogprobs: UInt32?

        var request: EngineRequest {
            var sampling = EngineSampling()
            sampling.stopTokens = [42]
            sampling.topLogprobs = topLogprobs
            return EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: [72, 105], sampling: sampling, choices: [choice], contextLimit: 1_000)
        }
        var choice: EngineChoice { EngineChoice(choice: 0, maxTokens: UInt32(room)) }
    }

    private static func reader(_ dialect: UInt8, _ asked: EngineQuestion, _ text: ModelText) -> any AnswerReader {
        let request = asked.request
        switch dialect {
        case 0: return VLLMAnswerReader(request)
        case 1: return SGLangReader(stopTokens: request.sampling.stopTokens, topLogprobs: asked.topLogprobs)
        case 2: return LlamaReader(request, asked.choice, text)
        default: return CompletionReader(text, after: [], room: asked.room)
        }
    }

    private struct EngineHeard: Equatable {
        var tokens: [TokenID] = []
        var finish: EngineFinish?
        var problem: ServerProblem?
    }

    private static func heard(_ events: [[UInt8]], _ reader: any AnswerReader, _ asked: EngineQuestion) -> EngineHeard {
        var reader = reader, part = AnswerPart(), heard = EngineHeard()
        do throws(ServerProblem) {
            for event in events {
                part.removeAll()
                // Memory of its own, so that reading behind it is seen by the sanitizer.
                try event.withUnsafeBufferPointer { (event) throws(ServerProblem) in
                    try reader.read(UnsafeRawBufferPointer(event), into: &part)
                }
                take(part, asked, into: &heard)
            }
            part.removeAll()
            try reader.end(into: &part)
            take(part, asked, into: &heard)
        } catch {
            demand(error.description.utf8.count < 400, "a problem repeats what the server says")
            heard.problem = error
        }
        return heard
    }

    private static func take(_ part: AnswerPart, _ asked: EngineQuestion, into heard: inout EngineHeard) {
        for logprob in part.logprobs {
            demand(logprob.top.count <= Int(asked.topLogprobs ?? 0), "more candidates than were asked for")
            demand(logprob.chosen.logprob <= 0 && logprob.chosen.logprob.isFinite, "a logprob that is none")
        }
        demand(asked.topLogprobs != nil || part.logprobs.isEmpty, "logprobs that nobody asked for")
        heard.tokens += part.tokens
        heard.finish = part.finish ?? heard.finish
    }

    /// What an engine's server says of itself, in three answers behind one another: of whatever is accepted an engine can be made, and figures are
    /// figures.
    static let engineServer = FuzzTarget(name: "engine-server", longest: 4096) { bytes in
        guard let text = EngineText.standard, let address = try? ServerAddress("http://127.0.0.1:1") else { return }
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
        let first = parts[0], second = parts.count > 1 ? parts[1] : [], third = parts.count > 2 ? parts[2] : []
        var settings = ServerSettings(
            address: address, text: text, room: EngineRank(totalBlocks: 64, maxSequences: 4, maxBatchedTokens: 256, maxWaiting: 4),
            usualBlockSize: 16)
        settings.ranks = bytes.count % 3 + 1

        var vllm = VLLMFacts()
        try? vllm.read(models: first, wanted: nil)
        try? vllm.read(version: second)
        vllm.read(metrics: third)
        check(try? vllm.profile(settings), settings)
        for figures in VLLMFigures.ranks(in: third, count: settings.ranks) { check(figures) }

        if let sglang = try? SGLangServer(info: first, model: second, models: third) {
            check(try? sglang.profile(settings), settings)
            for figures in (try? SGLangLoads.ranks(in: second, count: settings.ranks, totalTokens: sglang.totalTokens)) ?? [] {
                check(figures)
            }
            _ = sglang.priority(.infinity)
        }
        _ = try? SGLangMeeting(parameters: first)

        settings.ranks = 1
        var openAI = OpenAIServer()
        try? openAI.read(models: first, wanted: nil)
        openAI.llama = try? LlamaServer(properties: second)
        check(try? openAI.profile(settings), settings)
        check(LlamaServer.figures(in: third))
        demand(ServerProblem.refusal(status: 400, first).description.utf8.count < 400, "a refusal repeats what the server says")
    }

    private static func check(_ profile: EngineProfile?, _ settings: ServerSettings) {
        guard let profile else { return }
        demand(profile.ranks.count == settings.ranks, "another number of ranks than the worker has")
        demand(profile.model.blockSize > 0 && profile.model.contextLength > 0, "a model without room")
        demand(profile.ranks.allSatisfy { $0.totalBlocks > 0 }, "a rank without blocks")
    }

    private static func check(_ figures: RankFigures?) {
        guard let figures else { return }
        demand((0...1).contains(figures.blocksInUse), "a share of blocks that is none: \(figures.blocksInUse)")
    }
}

/// Made once: a model takes longer to read than a hundred answers.
private enum EngineText {
    static let standard = try? ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])
}
