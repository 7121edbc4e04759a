/// In which form the requests of a load are asked.
package struct RequestForm: Sendable {
    package enum API: String, CaseIterable, Sendable {
        case chat
        case completions

        var path: StaticString {
            switch self {
            case .chat: "/v1/chat/completions"
            case .completions: "/v1/completions"
            }
        }
    }

    package var api: API
    package var model: String
    package var prompt: PromptBytes.Form
    package var streams = true
    /// Asks a stream for its counts of tokens. Servers that refuse to be asked are told apart by their chunks alone.
    package var asksUsage = true
    /// Answers are as long as planned: `ignore_eos` and `min_tokens`, which vLLM, SGLang and Apus understand.
    package var fixesLength = true
    /// Sent with each request, as they are.
    package var headers: [(name: String, value: String)] = []
    /// Names the session of a request that has one; empty: sessions are not told.
    package var sessionHeader = "X-Session-ID"
    /// Names the tenant, where tenants have no keys.
    package var tenantHeader: String?
    /// Sent as bearer tokens: the only one, or that of a request's tenant.
    package var keys: [String] = []

    package init(api: API = .chat, model: String, prompt: PromptBytes.Form) {
        self.api = api
        self.model = model
        self.prompt = prompt
    }
}
