import HTTPSyntax

/// Why the server answers a request, or a connection, by itself. Also the labels under which refusals are counted.
package enum HTTPRefusalKind: String, Hashable, Sendable, CaseIterable {
    case syntax, framing, host, target, version, method, transferCoding, expectation
    case headerSize, targetSize, bodySize
    case headerDeadline, bodyDeadline
    case connections, descriptors, memory, handler
}

/// A request that is refused: with what, and a sentence for whoever wrote the client.
package struct HTTPRefusal: Error, Sendable {
    package let kind: HTTPRefusalKind
    package let status: HTTPStatus
    package let reason: StaticString

    init(_ kind: HTTPRefusalKind, _ status: HTTPStatus, _ reason: StaticString) {
        self.kind = kind
        self.status = status
        self.reason = reason
    }

    static func syntax(_ reason: StaticString) -> HTTPRefusal { HTTPRefusal(.syntax, .badRequest, reason) }
    static func framing(_ reason: StaticString) -> HTTPRefusal { HTTPRefusal(.framing, .badRequest, reason) }
    static func host(_ reason: StaticString) -> HTTPRefusal { HTTPRefusal(.host, .badRequest, reason) }
    static func target(_ reason: StaticString) -> HTTPRefusal { HTTPRefusal(.target, .badRequest, reason) }

    init(_ fault: HeadFault) {
        self =
            switch fault {
            case .tooLong: HTTPRefusal(.headerSize, .headerFieldsTooLarge, "the header is larger than this server accepts")
            case .startLineTooLong: HTTPRefusal(.targetSize, .targetTooLong, "the request target is longer than this server accepts")
            case .tooManyFields:
                HTTPRefusal(.headerSize, .headerFieldsTooLarge, "the request has more header fields than this server accepts")
            case .bareLineFeed: .syntax("a header line does not end with CR LF")
            case .emptyStartLine: .syntax("the request line is empty")
            case .folded: .syntax("a header field is folded over several lines")
            case .missingColon: .syntax("a header line has no colon")
            case .badName: .syntax("a header field name is empty or has a character that is not allowed, such as a space before its colon")
            case .badValue: .syntax("a header field value has a control character")
            }
    }

    init(_ fault: ChunkFault) {
        self =
            switch fault {
            case .badSize: .framing("a chunk size is not a hexadecimal number of reasonable length")
            case .badLineEnd: .framing("a chunk does not end where its size says")
            case .badExtension: .framing("a chunk extension is too long or malformed")
            case .badTrailer: .framing("a trailer field is malformed")
            case .trailersTooLong: HTTPRefusal(.headerSize, .headerFieldsTooLarge, "the trailer fields are larger than this server accepts")
            }
    }

    static let bodyTooLarge = HTTPRefusal(.bodySize, .contentTooLarge, "the request body is larger than this route accepts")
    static let headerDeadline = HTTPRefusal(.headerDeadline, .requestTimeout, "the request header did not arrive in time")
    static let bodyDeadline = HTTPRefusal(.bodyDeadline, .requestTimeout, "the request body did not arrive in time")
    static let connections = HTTPRefusal(.connections, .serviceUnavailable, "the server has too many open connections")
    static let descriptors = HTTPRefusal(
        .descriptors, .serviceUnavailable, "the server has no descriptor to spare for another connection; try again")
    static let memory = HTTPRefusal(.memory, .serviceUnavailable, "the server holds too many request bodies; try again")
    static let noAnswer = HTTPRefusal(.handler, .internalServerError, "the server did not answer the request")
}

/// The body of an answer that the server makes itself, where the application has no other shape for it: OpenAI's error envelope.
package enum HTTPErrorBody {
    package static func json(_ status: HTTPStatus, _ reason: StaticString) -> [UInt8] {
        var body = Array("{\"error\":{\"message\":\"".utf8)
        for byte in UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount) {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { body.append(UInt8(ascii: "\\")) }
            body.append(byte)
        }
        body.append(contentsOf: "\",\"type\":\"\(type(of: status))\",\"param\":null,\"code\":\"\(code(of: status))\"}}".utf8)
        return body
    }

    private static func type(of status: HTTPStatus) -> String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    private static func code(of status: HTTPStatus) -> String {
        String(status.reason.lowercased().map { $0 == " " ? "_" : $0 })
    }
}
