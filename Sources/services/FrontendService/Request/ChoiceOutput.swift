import ClusterModel
import OpenAIDialect
import TextProcessing
import WireProtocol

/// One choice on its way to the client: which tokens were released, and the text they make.
///
/// Tokens are released by position (`proto-spec/03-exchanges.md#which-tokens-count`): a repeat is dropped, a hole is a failure of the attempt.
struct ChoiceOutput {
    enum Release {
        case nothing
        /// Text and log probabilities stand in the caller's buffers.
        case tokens(count: Int, finish: FinishKind?)
        /// Tokens before these never came.
        case hole
    }

    let index: UInt8
    private(set) var finish: FinishKind?
    /// What later attempts must know. The next position is its count.
    private(set) var shown: [TokenID] = []
    /// True when a stop was found here, so that the worker must be told.
    private(set) var stoppedHere = false
    /// Whether the client has seen anything of it.
    var isOpened = false
    private var text: ChoiceText

    init(index: UInt8, vocabulary: Vocabulary, sampling: SamplingParameters) {
        self.index = index
        text = ChoiceText(vocabulary, sampling)
    }

    var isFinished: Bool { finish != nil }

    /// Takes one run of `arrivals`, whose tokens begin at `offset`, and appends its text to `bytes`.
    mutating func release(_ run: Arrivals.Run, of tokens: ArraySlice<TokenID>, to bytes: inout [UInt8]) -> Release {
        guard !isFinished else { return .nothing }
        let first = Int(run.firstPosition), next = shown.count
        guard first <= next else { return .hole }
        let known = next - first
        guard known < run.count || (run.count == 0 && run.finish != nil) else { return .nothing }
        let fresh = tokens.dropFirst(known)
        shown.append(contentsOf: fresh)
        let finish = run.finish.map { FinishKind($0) }
        let progress = fresh.withUnsafeBufferPointer { buffer in
            text.append(Span(_unsafeElements: buffer), finish: finish, to: &bytes)
        }
        if let ended = progress.finish {
            self.finish = ended
            stoppedHere = run.finish == nil
        }
        return .tokens(count: progress.tokens, finish: progress.finish)
    }
}

extension FinishKind {
    init(_ reason: FinishReason) {
        self =
            switch reason {
            case .endOfText: .endOfText
            case .stopToken: .stopToken
            case .stopSequence: .stopText
            case .length: .length
            case .contentFilter: .contentFilter
            }
    }
}
