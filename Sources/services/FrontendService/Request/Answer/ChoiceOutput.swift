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
        /// So many tokens from the place `skipped` of the run on; their text stands in the caller's buffer.
        case tokens(skipped: Int, count: Int, finish: FinishKind?)
        /// Tokens before these never came.
        case hole
    }

    let index: UInt8
    private(set) var finish: FinishKind?
    /// What later attempts must know. The next position is its count.
    private(set) var shown: [TokenID] = []
    /// True when the end was found here and not by the engine, so that the worker must be told.
    private(set) var stoppedHere = false
    /// Whether the client has seen anything of it.
    var isOpened = false
    /// The client's stop text that ended it.
    private(set) var stopText: String?
    /// Room that there is from the start.
    private static let usualTokens = 16
    private let stopTexts: [String]
    private let maxTokens: Int
    private var text: ChoiceText

    /// `visible` are special tokens that whoever reads the text must see.
    init(
        index: UInt8, vocabulary: Vocabulary, sampling: SamplingParameters, visible: VisibleSpecials = .none, hidden: HiddenStops,
        maxTokens: Int
    ) {
        self.index = index
        self.maxTokens = maxTokens
        stopTexts = sampling.stopTexts
        text = ChoiceText(vocabulary, sampling, visible: visible, hidden: hidden)
        shown.reserveCapacity(min(maxTokens, Self.usualTokens))
    }

    var isFinished: Bool { finish != nil }

    /// Takes one run, and appends the text of its new tokens to `bytes`.
    mutating func release(_ run: Arrivals.Run, of tokens: ArraySlice<TokenID>, to bytes: inout [UInt8]) -> Release {
        var marks: [Range<Int>] = []
        return release(run, of: tokens, to: &bytes, marks: &marks)
    }

    /// The same; also appends the parts of `bytes` that are visible special tokens to `marks`.
    mutating func release(
        _ run: Arrivals.Run, of tokens: ArraySlice<TokenID>, to bytes: inout [UInt8], marks: inout [Range<Int>]
    ) -> Release {
        guard !isFinished else { return .nothing }
        let count = Int(run.count), first = Int(run.firstPosition), next = shown.count
        guard first <= next else { return .hole }
        let known = next - first
        guard known < count || (count == 0 && run.finish != nil) else { return .nothing }
        let fresh = tokens.dropFirst(known).prefix(maxTokens - next)
        shown.append(contentsOf: fresh)
        var finish = known + fresh.count == max(known, count) ? run.finish.map { FinishKind($0) } : nil
        // An engine that does not stop where it was told to is stopped.
        let isOverLimit = finish == nil && shown.count >= maxTokens
        if isOverLimit { finish = .length }
        let progress = fresh.withUnsafeBufferPointer { buffer in
            text.append(Span(_unsafeElements: buffer), finish: finish, to: &bytes, marks: &marks)
        }
        if let ended = progress.finish {
            self.finish = ended
            stopText = progress.stop.map { stopTexts[$0] }
            stoppedHere = run.finish == nil || isOverLimit
        }
        return .tokens(skipped: min(known, count), count: progress.tokens, finish: progress.finish)
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
