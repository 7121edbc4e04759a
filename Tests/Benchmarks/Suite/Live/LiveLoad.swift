import ClusterModel
import LoadGeneration

/// A closed load of chats that are all alike in shape, and all different in text.
struct LiveLoad: Sendable {
    let name: String
    let users: Int
    let promptTokens: Int
    /// Of the prompt, from its begin, shared by an eighth of all requests; whole blocks.
    var sharedTokens = 0
    let outputTokens: Int
    var streams = false
    /// Prompts are token ids, which are sent to `/v1/completions`.
    var sendsTokens = false

    private static let groups = 8
    static let blockTokens: UInt32 = 64

    func form(_ prompts: BenchPrompts, model: String) -> RequestForm {
        var form =
            sendsTokens
            ? RequestForm(api: .completions, model: model, prompt: .tokens(vocabulary: prompts.vocabulary))
            : RequestForm(api: .chat, model: model, prompt: prompts.form)
        form.streams = streams
        return form
    }

    /// Other seeds are other prompts: a warm-up must not fill the caches for what is measured.
    func source(requests: Int? = nil, seed: UInt64) -> MixSource {
        var mix = PromptMix(input: .fixed(promptTokens - sharedTokens), output: .fixed(outputTokens))
        mix.blockTokens = Self.blockTokens
        if sharedTokens > 0 { mix.prefixes = .init(groups: Self.groups, tokens: sharedTokens) }
        return MixSource(mix, times: nil, requests: requests, seed: seed)
    }

    func plan(_ window: Duration) -> LoadPlan {
        var plan = LoadPlan(.closed(users: users, think: .zero))
        plan.connections = users
        plan.duration = window
        plan.timeout = .seconds(60)
        return plan
    }

    static func answers(users: Int) -> LiveLoad {
        LiveLoad(name: "answers c\(users)", users: users, promptTokens: 64, outputTokens: 8)
    }

    static func streams(users: Int, outputTokens: Int = 128) -> LiveLoad {
        LiveLoad(name: "streams c\(users)", users: users, promptTokens: 64, outputTokens: outputTokens, streams: true)
    }

    /// The first four fifths are shared, in whole blocks.
    static func longPrompts(users: Int) -> LiveLoad {
        LiveLoad(name: "long prompts c\(users)", users: users, promptTokens: 8_192, sharedTokens: 102 * 64, outputTokens: 8)
    }

    /// All different, or as `longPrompts`.
    static func longTokens(users: Int, isShared: Bool) -> LiveLoad {
        LiveLoad(
            name: isShared ? "shared" : "different", users: users, promptTokens: 100_000, sharedTokens: isShared ? 1_250 * 64 : 0,
            outputTokens: 8,
            sendsTokens: true)
    }

    static func single(streams: Bool) -> LiveLoad {
        LiveLoad(name: streams ? "one stream" : "one answer", users: 1, promptTokens: 64, outputTokens: 8, streams: streams)
    }
}
