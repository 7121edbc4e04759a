/// State in and out of the blocks in which it computes: all of it is in the cache.
extension ForwardPass {
    var layers: Int { cache.layers }
    var bytesPerLayer: Int { cache.bytesPerLayer }
    var tokenStates: (any TokenStates)? { cache }

    func append(_ block: BlockNumber, layer: Int, tokens: Int, to bytes: inout [UInt8], in pool: borrowing BlockPool) -> Bool {
        cache.append(block, layer: layer, tokens: tokens, to: &bytes)
        return true
    }

    func store(_ block: BlockNumber, at place: PagePlace, from bytes: [UInt8], at offset: Int, in pool: borrowing BlockPool) -> Bool {
        cache.store(block, layer: place.layer, from: bytes, at: offset)
    }

    func copy(_ source: BlockNumber, to target: BlockNumber, in pool: borrowing BlockPool) -> Bool {
        cache.copy(source, to: target)
        return true
    }
}
