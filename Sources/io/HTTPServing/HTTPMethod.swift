import HTTPSyntax

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

    /// Bodies mean something with it.
    var isWriting: Bool {
        switch self {
        case .post, .put, .patch: true
        case .get, .head, .delete, .options, .other: false
        }
    }

    /// Methods are case-sensitive.
    init(_ bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 3 where HTTPText.isEqual(bytes, "GET"): self = .get
        case 4 where HTTPText.isEqual(bytes, "POST"): self = .post
        case 4 where HTTPText.isEqual(bytes, "HEAD"): self = .head
        case 3 where HTTPText.isEqual(bytes, "PUT"): self = .put
        case 6 where HTTPText.isEqual(bytes, "DELETE"): self = .delete
        case 7 where HTTPText.isEqual(bytes, "OPTIONS"): self = .options
        case 5 where HTTPText.isEqual(bytes, "PATCH"): self = .patch
        default: self = .other(String(decoding: bytes, as: UTF8.self))
        }
    }
}
