package import ClusterModel

extension ModelCard {
    /// What `digest` must be: over everything that makes a pool, and nothing that workers of one pool may differ in.
    /// Rule: `proto-spec/04-messages.md#modelcard`.
    package var computedDigest: Digest {
        var card = self, writer = WireWriter()
        card.digest = Digest()
        card.capabilities = []
        card.servedNames = []
        card.loRAs = []
        do throws(WireError) { try card.layout(&writer) } catch { preconditionFailure("a card of our own does not encode: \(error)") }
        return SHA256.digest(of: writer.bytes)
    }
}
