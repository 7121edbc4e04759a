import ClusterModel
package import ServiceRuntime

/// The token that opens the admin side. Only its digest is kept: nothing here ever needs the token itself.
package struct AdminToken: Hashable, Sendable {
    let digest: Digest

    /// - Parameter content: of its file, without the line end.
    package init(_ content: [UInt8]) throws(ValueProblem) {
        let remedy = "write one line of \(Self.rule), as `openssl rand -hex 32` makes it"
        guard content.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueProblem("the token has characters that a header cannot carry", remedy: remedy)
        }
        guard AdminLimits.tokenCharacters.contains(content.count) else {
            let fault = content.count < AdminLimits.tokenCharacters.lowerBound ? "short, and could be guessed" : "long"
            throw ValueProblem("the token is too \(fault)", remedy: remedy)
        }
        digest = SHA256.digest(of: content)
    }

    /// In constant time.
    func isSame(as text: String) -> Bool {
        guard text.utf8.count <= AdminLimits.tokenCharacters.upperBound else { return false }
        return ConstantTime.areEqual(SHA256.digest(of: Array(text.utf8)), digest)
    }

    private static let rule =
        "\(AdminLimits.tokenCharacters.lowerBound) to \(AdminLimits.tokenCharacters.upperBound) printable characters without spaces"
}
