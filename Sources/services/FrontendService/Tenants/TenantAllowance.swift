import ClusterModel
import HTTPServing

/// What a tenant may still use, as its clients are told with each answer. Of limits that it does not have nothing is told.
struct TenantAllowance: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        let limit: Int
        let remaining: Int
        /// Until all of it is there again.
        let reset: Duration
    }

    var requests: Part?
    var tokens: Part?

    var fields: [HTTPField] {
        var fields: [HTTPField] = []
        if let requests {
            fields.append(HTTPField("x-ratelimit-limit-requests", "\(requests.limit)"))
            fields.append(HTTPField("x-ratelimit-remaining-requests", "\(requests.remaining)"))
            fields.append(HTTPField("x-ratelimit-reset-requests", Self.text(requests.reset)))
        }
        if let tokens {
            fields.append(HTTPField("x-ratelimit-limit-tokens", "\(tokens.limit)"))
            fields.append(HTTPField("x-ratelimit-remaining-tokens", "\(tokens.remaining)"))
            fields.append(HTTPField("x-ratelimit-reset-tokens", Self.text(tokens.reset)))
        }
        return fields
    }

    /// As OpenAI writes spans: `0s`, `20ms`, `7.66s`, `6m0s`.
    static func text(_ span: Duration) -> String {
        let milliseconds = max(0, span.inMilliseconds), seconds = milliseconds / 1_000, rest = milliseconds % 1_000
        guard seconds > 0 else { return rest == 0 ? "0s" : "\(rest)ms" }
        var digits = ""
        if rest > 0 {
            digits = "." + String(repeating: "0", count: 3 - "\(rest)".count) + "\(rest)"
            while digits.hasSuffix("0") { digits.removeLast() }
        }
        let minutes = seconds / 60
        return (minutes > 0 ? "\(minutes)m" : "") + "\(seconds % 60)\(digits)s"
    }
}
