import ClusterModel
import Testing
import TextProcessing
import WireProtocol

@testable import FrontendService

@Suite("Tokens are released by position, whatever arrives")
struct ChoiceOutputTests {
    private static func model() throws -> ModelText { try ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard]) }

    private func choice(maxTokens: Int = 100, _ change: (inout SamplingParameters) -> Void = { _ in }) throws -> ChoiceOutput {
        var sampling = SamplingParameters()
        change(&sampling)
        return ChoiceOutput(index: 0, vocabulary: try Self.model().vocabulary, sampling: sampling, hidden: .none, maxTokens: maxTokens)
    }

    private func run(_ first: Int, _ count: Int, _ finish: FinishReason? = nil) -> Arrivals.Run {
        Arrivals.Run(choice: 0, count: UInt8(count), finish: finish, leg: .aggregated, hasLogprobs: false, firstPosition: UInt32(first))
    }

    private static func tokens(_ text: String) -> ArraySlice<TokenID> { ArraySlice(text.utf8.map { TokenID($0) }) }

    @Test("what follows in order is shown once")
    func inOrder() throws {
        var choice = try choice(), text: [UInt8] = []
        _ = choice.release(run(0, 3), of: Self.tokens("abc"), to: &text)
        _ = choice.release(run(3, 2), of: Self.tokens("de"), to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "abcde")
        #expect(choice.shown == Array(Self.tokens("abcde")))
    }

    @Test("a repeat is dropped, and what overlaps is taken from where it is new")
    func repeats() throws {
        var choice = try choice(), text: [UInt8] = []
        _ = choice.release(run(0, 3), of: Self.tokens("abc"), to: &text)
        if case .nothing = choice.release(run(1, 2), of: Self.tokens("bc"), to: &text) {} else { Issue.record("a repeat was released") }
        _ = choice.release(run(1, 4), of: Self.tokens("bcde"), to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "abcde")
    }

    @Test("tokens that never came are seen")
    func hole() throws {
        var choice = try choice(), text: [UInt8] = []
        _ = choice.release(run(0, 1), of: Self.tokens("a"), to: &text)
        if case .hole = choice.release(run(2, 1), of: Self.tokens("c"), to: &text) {} else { Issue.record("a hole was not seen") }
        #expect(choice.shown.count == 1)
    }

    @Test("only the first finish counts, and nothing is shown after it")
    func finish() throws {
        var choice = try choice(), text: [UInt8] = []
        _ = choice.release(run(0, 2, .length), of: Self.tokens("ab"), to: &text)
        #expect(choice.finish == .length)
        _ = choice.release(run(2, 1, .endOfText), of: Self.tokens("c"), to: &text)
        #expect(choice.finish == .length)
        #expect(String(decoding: text, as: UTF8.self) == "ab")
        #expect(!choice.stoppedHere)
    }

    @Test("a stop that is found here ends the choice, and is told apart from one that the engine found")
    func stopHere() throws {
        var choice = try choice { $0.stopTexts = ["cd"] }, text: [UInt8] = []
        guard case .tokens(_, let count, let finish) = choice.release(run(0, 6), of: Self.tokens("abcdef"), to: &text) else {
            Issue.record("nothing was released")
            return
        }
        #expect(String(decoding: text, as: UTF8.self) == "ab")
        #expect(count == 4)
        #expect(finish == .stopText)
        #expect(choice.stoppedHere)
    }

    @Test("an end without a token ends the choice")
    func emptyEnd() throws {
        var choice = try choice(), text: [UInt8] = []
        _ = choice.release(run(0, 1), of: Self.tokens("a"), to: &text)
        _ = choice.release(run(1, 0, .length), of: [], to: &text)
        #expect(choice.finish == .length)
    }

    @Test("tokens beyond the limit are not shown, and the choice ends with its last one, whatever the engine says of a later one")
    func limit() throws {
        var choice = try choice(maxTokens: 3), text: [UInt8] = []
        _ = choice.release(run(0, 2), of: Self.tokens("ab"), to: &text)
        guard case .tokens(let skipped, let count, let finish) = choice.release(run(1, 4, .endOfText), of: Self.tokens("bcde"), to: &text)
        else {
            Issue.record("nothing was released")
            return
        }
        #expect(String(decoding: text, as: UTF8.self) == "abc")
        #expect(skipped == 1)
        #expect(count == 1)
        #expect(finish == .length)
        #expect(choice.stoppedHere)
        #expect(choice.shown.count == 3)
    }

    @Test("a limit that is reached with the engine's own finish is the engine's finish")
    func limitWithFinish() throws {
        var choice = try choice(maxTokens: 2), text: [UInt8] = []
        _ = choice.release(run(0, 2, .stopToken), of: Self.tokens("ab"), to: &text)
        #expect(choice.finish == .stopToken)
        #expect(!choice.stoppedHere)
    }
}
