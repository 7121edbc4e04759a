import ClusterModel
import HTTPServing

/// The key of a request, as its client presents it: by its digest, since nothing here ever needs the key itself.
enum PresentedKey: Hashable {
    case none
    /// Two keys, another scheme, or what no key can look like.
    case malformed
    case key(Digest)

    /// `Authorization: Bearer KEY`, `x-api-key: KEY`, or both with one key.
    init(_ headers: HTTPHeaders) {
        let authorizations = headers.values(of: "authorization"), plain = headers.values(of: "x-api-key")
        guard authorizations.count <= 1, plain.count <= 1 else {
            self = .malformed
            return
        }
        var found: [Digest] = []
        for text in authorizations.map(HTTPHeaders.bearer) + plain.map({ Optional($0) }) {
            guard let text, let digest = TenantKey.digest(of: text) else {
                self = .malformed
                return
            }
            found.append(digest)
        }
        guard let first = found.first else {
            self = .none
            return
        }
        self = found.allSatisfy { ConstantTime.areEqual($0, first) } ? .key(first) : .malformed
    }
}
