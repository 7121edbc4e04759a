extension ClusterShape {
    /// Prefill and decode workers whose way to hand state over follows from the seed.
    package static func split(seed: UInt64, prefill: Int, decode: Int) -> ClusterShape {
        SplitCluster.shape(seed % 2 == 0 ? .sequential : .concurrent, prefill: prefill, decode: decode)
    }
}
