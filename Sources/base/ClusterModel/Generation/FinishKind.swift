/// Why a choice ended, in no API's and no wire format's words.
package enum FinishKind: UInt8, Hashable, Sendable, CaseIterable {
    /// The model ended its text.
    case endOfText
    /// One of the request's stop tokens came.
    case stopToken
    /// One of the request's stop texts came.
    case stopText
    /// The token limit, or the context, is reached.
    case length
    /// The rest was withheld.
    case contentFilter
    /// The model calls tools and waits for their results.
    case toolCalls
}
