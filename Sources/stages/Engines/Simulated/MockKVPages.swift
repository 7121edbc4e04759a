import ClusterModel

/// The KV state of a sequence, made up: each page follows from all tokens up to its end, from the adapter and from its place.
struct MockKVPages {
    let count: Int
    private let tokenCount: Int
    private let blockSize: Int
    private let kv: MockKVConfiguration
    /// For each page, of everything up to its end.
    private let chain: [UInt64]

    init(_ tokens: [TokenID], adapter: String, blockSize: Int, _ kv: MockKVConfiguration) {
        self.blockSize = blockSize
        self.kv = kv
        tokenCount = tokens.count
        count = (tokens.count + blockSize - 1) / blockSize
        var last = XXH3.hash(adapter, seed: 1)
        chain = stride(from: 0, to: tokens.count, by: blockSize).map { first in
            let page = tokens[first..<min(first + blockSize, tokens.count)]
            last = page.withUnsafeBytes { XXH3.hash($0, seed: last) }
            return last
        }
    }

    /// Stands for all of it.
    var digest: UInt64 { chain.last ?? 0 }

    /// Nil if there is no such slice. Page after page, and in each layer after layer; behind the last token zeros fill the page.
    func bytes(of slice: KVSlice) -> [UInt8]? {
        guard let pages = pages(of: slice), let layers = layers(of: slice) else { return nil }
        let size = blockSize * kv.bytesPerLayer
        return [UInt8](unsafeUninitializedCapacity: pages.count * layers.count * size) { buffer, filled in
            let whole = UnsafeMutableRawBufferPointer(buffer)
            for page in pages {
                for layer in layers {
                    fill(UnsafeMutableRawBufferPointer(rebasing: whole[filled..<filled + size]), page, layer)
                    filled += size
                }
            }
        }
    }

    /// Eight bytes a draw: whoever steps the engine may have more to do than this.
    private func fill(_ bytes: UnsafeMutableRawBufferPointer, _ page: Int, _ layer: Int) {
        var draw = SeededRandom(seed: chain[page] &+ UInt64(layer) &* 0xA24B_AED4_963E_E407)
        let used = min(blockSize, tokenCount - page * blockSize) * kv.bytesPerLayer, end = used & ~7
        for place in stride(from: 0, to: end, by: 8) {
            bytes.storeBytes(of: draw.next().littleEndian, toByteOffset: place, as: UInt64.self)
        }
        if end < used {
            withUnsafeBytes(of: draw.next().littleEndian) { last in
                for place in end..<used { bytes[place] = last[place - end] }
            }
        }
        for place in used..<bytes.count { bytes[place] = 0 }
    }

    func pages(of slice: KVSlice) -> Range<Int>? {
        let first = Int(slice.firstBlock), end = first + Int(slice.blockCount)
        return first < end && end <= count ? first..<end : nil
    }

    func layers(of slice: KVSlice) -> Range<Int>? {
        let first = Int(slice.firstLayer), end = first + Int(slice.layerCount)
        return first < end && end <= kv.layers ? first..<end : nil
    }

    var layerCount: Int { Int(kv.layers) }
}
