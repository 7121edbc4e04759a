package enum HTTPMethod: Hashable, Sendable {
    case get, head, post, put, delete, options, patch
    /// Any other, as it was sent.
    case other(String)

    package var text: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .other(let text): text
        }
    }

    /// Methods are case-sensitive.
    init(_ bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 3 where bytes.elementsEqual("GET".utf8): self = .get
        case 4 where bytes.elementsEqual("POST".utf8): self = .post
        case 4 where bytes.elementsEqual("HEAD".utf8): self = .head
        case 3 where bytes.elementsEqual("PUT".utf8): self = .put
        case 6 where bytes.elementsEqual("DELETE".utf8): self = .delete
        case 7 where bytes.elementsEqual("OPTIONS".utf8): self = .options
        case 5 where bytes.elementsEqual("PATCH".utf8): self = .patch
        default: self = .other(String(decoding: bytes, as: UTF8.self))
        }
    }
}
