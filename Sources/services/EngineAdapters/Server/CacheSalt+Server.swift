package import ClusterModel

extension CacheSalt {
    /// What a server of text parameters knows the salt by.
    package var serverText: String { bytes.map { byte in String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }.joined() }
}
