/// A request that cannot be served as it is written. Its texts name fields, types and bounds, never what the client wrote in them.
package struct DialectError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of HTTP.
    package let status: Int
    package let message: String
    package let type: String
    /// The field at fault, such as `messages[1].content`.
    package let param: String?
    package let code: String?
    /// Of a failure that is no fault of the request, where trying again makes sense.
    package let retryAfterSeconds: Int?

    package init(
        status: Int = 400, message: String, type: String = "invalid_request_error", param: String? = nil, code: String? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.retryAfterSeconds = retryAfterSeconds
    }

    package var description: String { message }
}
