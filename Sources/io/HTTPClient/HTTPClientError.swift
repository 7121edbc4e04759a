package import EventLoop

/// Why there is no answer, or no whole one.
package enum HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    case connecting(SystemError)
    /// The connection ended before the first byte of an answer. On one that was used before, the server may have closed it while the request
    /// was on its way: then nothing has read the request, as a rule.
    case closedBeforeAnswer(wasUsedBefore: Bool)
    /// The answer began and did not end.
    case cutShort
    case timedOut
    /// The answer is no HTTP, or can be read in two ways.
    case malformed(String)
    case tooLarge
    /// The request has a part that cannot be sent, such as a line break in a field.
    case unsendable
    /// `close()` was called here.
    case closed

    package var description: String {
        switch self {
        case .connecting(let error): "\(error)"
        case .closedBeforeAnswer: "the server closed the connection before it answered"
        case .cutShort: "the server ended the connection within its answer"
        case .timedOut: "the answer did not end in time"
        case .malformed(let what): "the answer is malformed: \(what)"
        case .tooLarge: "the answer is larger than accepted"
        case .unsendable: "the request has a part that cannot be sent"
        case .closed: "the connection was closed here"
        }
    }
}
