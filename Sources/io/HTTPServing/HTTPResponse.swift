/// A whole answer. Lengths, dates and what the connection needs are added by the server.
package struct HTTPResponse: Sendable {
    package var status: HTTPStatus
    package var headers: [HTTPField]
    package var body: [UInt8]
    /// The connection ends after it.
    package var closesConnection = false

    package init(_ status: HTTPStatus, headers: [HTTPField] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func json(_ status: HTTPStatus, _ body: [UInt8], headers: consuming [HTTPField] = []) -> HTTPResponse {
        guard !headers.isEmpty else { return HTTPResponse(status, headers: jsonTypeAlone, body: body) }
        headers.insert(jsonType, at: 0)
        return HTTPResponse(status, headers: headers, body: body)
    }

    package static func text(_ status: HTTPStatus, _ text: String, headers: [HTTPField] = []) -> HTTPResponse {
        HTTPResponse(status, headers: [textType] + headers, body: Array(text.utf8))
    }

    private static let jsonType = HTTPField("Content-Type", "application/json")
    private static let jsonTypeAlone = [jsonType]
    private static let textType = HTTPField("Content-Type", "text/plain; charset=utf-8")
}
