import ClusterModel

extension CacheSalt {
    /// As servers get it, which take a text and ask no more of it than to be the same.
    var serverText: String { bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
