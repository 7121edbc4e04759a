package import EventLoop

/// What a server serves.
@LoopActor
package protocol HTTPApplication: AnyObject, Sendable {
    /// The head is complete, and no byte of the body was read: so a request that nobody serves costs no body.
    func admits(_ request: HTTPRequest) -> HTTPAdmission
    /// The request is complete. The exchange is answered now or later, and exactly once.
    func serve(_ exchange: HTTPExchange)
    /// The body of an answer that the server makes itself, and its content type. The reason is a sentence of the server's, never of a client's.
    func errorBody(_ status: HTTPStatus, _ reason: StaticString) -> [UInt8]
    /// Adds the fields that every answer has, whoever makes it: what the server itself refuses, too.
    func complete(_ headers: inout [HTTPField], of exchange: HTTPExchange)
}

extension HTTPApplication {
    package func complete(_ headers: inout [HTTPField], of exchange: HTTPExchange) {}
    package func errorBody(_ status: HTTPStatus, _ reason: StaticString) -> [UInt8] { HTTPErrorBody.json(status, reason) }
}

package enum HTTPAdmission: Sendable {
    /// Reads the body, which may have up to `maximumBody` bytes (the server's limit holds as well), and serves the request.
    /// `tag` comes back in the exchange, so that nothing is looked up twice.
    case read(maximumBody: Int, tag: Int = 0)
    case refuse(HTTPResponse)
}
