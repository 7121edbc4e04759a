import ClusterModel

extension Duration {
    var inSeconds: Double { Double(inNanoseconds) / 1e9 }
}
