import ClusterModel

/// Keys and values of tokens, by the blocks of a `BlockPool`: one page of memory for each block that was ever written.
///
/// A page has one part a layer; in it the keys of all its tokens, then their values.
final class PagedCache: TokenStates {
    let blockSize: Int
    let layers: Int
    /// Numbers of a token's keys in a layer; its values are as many.
    let keyWidth: Int
    private var pages: [FloatBuffer?] = []

    init(_ shape: LlamaShape, blockSize: Int) {
        self.blockSize = blockSize
        layers = shape.layers
        keyWidth = shape.keyWidth
    }

    var numbersPerLayer: Int { 2 * blockSize * keyWidth }
    /// As they leave: the numbers, and a sum of them.
    var bytesPerLayer: Int { numbersPerLayer * 4 + Self.sumBytes }
    static let sumBytes = 8

    func keys(_ block: BlockNumber, layer: Int) -> UnsafeMutablePointer<Float> {
        let number = Int(block)
        if number >= pages.count { pages.append(contentsOf: repeatElement(nil, count: number + 1 - pages.count)) }
        let page = pages[number] ?? FloatBuffer(count: layers * numbersPerLayer)
        if pages[number] == nil { pages[number] = page }
        return page.start + layer * numbersPerLayer
    }

    func values(_ block: BlockNumber, layer: Int) -> UnsafeMutablePointer<Float> { keys(block, layer: layer) + blockSize * keyWidth }

    func copy(_ source: BlockNumber, to target: BlockNumber) {
        guard source != target else { return }
        keys(target, layer: 0).update(from: keys(source, layer: 0), count: layers * numbersPerLayer)
    }

    // MARK: Bytes of a token

    /// For layer after layer its keys, then its values, little-endian.
    func appendToken(_ index: Int, of block: BlockNumber, to bytes: inout [UInt8]) {
        for layer in 0..<layers {
            for part in [keys(block, layer: layer), values(block, layer: layer)] {
                for number in index * keyWidth..<(index + 1) * keyWidth {
                    withUnsafeBytes(of: part[number].bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
                }
            }
        }
    }

    /// Takes a token's state from bytes, of which there are enough from `offset` on.
    func storeToken(_ index: Int, of block: BlockNumber, from bytes: [UInt8], at offset: Int) {
        var offset = offset
        bytes.withUnsafeBytes { raw in
            for layer in 0..<layers {
                for part in [keys(block, layer: layer), values(block, layer: layer)] {
                    for number in index * keyWidth..<(index + 1) * keyWidth {
                        let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                        part[number] = Float(bitPattern: UInt32(littleEndian: word))
                        offset += 4
                    }
                }
            }
        }
    }

    // MARK: Bytes of a page

    /// One layer of a page, little-endian, with a sum at its end. Behind its first so many tokens come zeros: what lies there belongs to nobody.
    func append(_ block: BlockNumber, layer: Int, tokens: Int, to bytes: inout [UInt8]) {
        let first = bytes.count
        for part in [keys(block, layer: layer), values(block, layer: layer)] {
            for index in 0..<tokens * keyWidth {
                withUnsafeBytes(of: part[index].bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
            bytes.append(contentsOf: repeatElement(0, count: (blockSize - tokens) * keyWidth * 4))
        }
        let sum = bytes.withUnsafeBytes { XXH3.hash(UnsafeRawBufferPointer(rebasing: $0[first...])) }
        withUnsafeBytes(of: sum.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Takes one layer of a page from bytes, of which there are enough from `offset` on; false if their sum is another. Nothing else would tell
    /// wrong state from right: any numbers give some text.
    func store(_ block: BlockNumber, layer: Int, from bytes: [UInt8], at offset: Int) -> Bool {
        let part = keys(block, layer: layer), end = offset + numbersPerLayer * 4
        return bytes.withUnsafeBytes { raw in
            let sum = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            guard sum == XXH3.hash(UnsafeRawBufferPointer(rebasing: raw[offset..<end])) else { return false }
            for index in 0..<numbersPerLayer {
                let word = raw.loadUnaligned(fromByteOffset: offset + index * 4, as: UInt32.self)
                part[index] = Float(bitPattern: UInt32(littleEndian: word))
            }
            return true
        }
    }
}
