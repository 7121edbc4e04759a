/// Turns tokens into block and sequence hashes. Definition and worked example: `proto-spec/05-block-hash.md`.
///
/// Frontends, workers and engines must agree bit for bit. A partial block at the end has no hash, and a block size of 0 gives none at all.
/// Results are appended to arrays that callers reuse; apart from their growth, and from blocks with media, nothing is allocated.
package struct BlockHasher: Hashable, Sendable {
    package enum Window: Hashable, Sendable {
        /// A block's own tokens.
        case block
        /// A block's tokens and the next one, for engines whose draft model (EAGLE) looks one token ahead.
        case blockAndNextToken
    }

    package let blockSize: Int
    package let window: Window
    private let seed: UInt64

    /// `adapter` is the LoRA's name, empty for the base model.
    package init(blockSize: UInt32, adapter: String = "", salt: CacheSalt? = nil, window: Window = .block) {
        self.blockSize = Int(blockSize)
        self.window = window
        var seed = SequenceHash.seed
        if !adapter.isEmpty { seed &+= XXH3.hash(adapter, seed: 0) }
        if let salt { seed &+= salt.seed }
        self.seed = seed
    }

    /// How many blocks of so many tokens have a hash.
    package func blockCount(ofTokens count: Int) -> Int {
        guard blockSize > 0, count >= windowSize else { return 0 }
        return (count - windowSize) / blockSize + 1
    }

    /// Appends the hash of every full block of a whole sequence.
    package func appendBlockHashes(of tokens: Span<TokenID>, media: [BlockMedium] = [], to hashes: inout [BlockHash]) {
        let blocks = blockCount(ofTokens: tokens.count)
        hashes.reserveCapacity(hashes.count + blocks)
        var media = MediaCursor(media)
        tokens.bytes.withUnsafeBytes { bytes in
            for block in 0..<blocks { hashes.append(hash(block, in: bytes, &media)) }
        }
    }

    /// Makes `hashes`, which covers the first `hashes.count` blocks of `tokens`, cover all full blocks.
    ///
    /// An empty array starts a sequence; after more tokens the same call hashes only what is new.
    package func extend(_ hashes: inout [SequenceHash], toCover tokens: Span<TokenID>, media: [BlockMedium] = []) {
        let known = hashes.count
        if known == 0 { hashes.reserveCapacity(blockCount(ofTokens: tokens.count)) }  // later, exact room per block would copy each time
        appendChain(of: tokens, from: known, after: hashes.last, media, to: &hashes)
    }

    /// Appends the hashes of the prefixes that end in each full block of `tokens`, which follow the prefix `previous` (nil: nothing).
    ///
    /// For whoever holds the tail alone; media are counted from the tail's first block.
    package func appendSequenceHashes(
        of tokens: Span<TokenID>, after previous: SequenceHash?, media: [BlockMedium] = [], to hashes: inout [SequenceHash]
    ) {
        appendChain(of: tokens, from: 0, after: previous, media, to: &hashes)
    }

    /// Chains block hashes that somebody else computed.
    package static func appendSequenceHashes(of blocks: Span<BlockHash>, after previous: SequenceHash?, to hashes: inout [SequenceHash]) {
        var previous = previous
        for index in blocks.indices {
            let next = SequenceHash(after: previous, blocks[index])
            hashes.append(next)
            previous = next
        }
    }

    private func appendChain(
        of tokens: Span<TokenID>, from first: Int, after previous: SequenceHash?, _ media: [BlockMedium], to hashes: inout [SequenceHash]
    ) {
        let blocks = blockCount(ofTokens: tokens.count)
        guard first < blocks else { return }
        guard !media.isEmpty else { return appendPlainChain(of: tokens, first..<blocks, after: previous, to: &hashes) }
        var previous = previous
        var media = MediaCursor(media)
        tokens.bytes.withUnsafeBytes { bytes in
            for block in first..<blocks {
                let next = SequenceHash(after: previous, hash(block, in: bytes, &media))
                hashes.append(next)
                previous = next
            }
        }
    }

    /// Without media, as nearly all sequences are.
    private func appendPlainChain(
        of tokens: Span<TokenID>, _ blocks: Range<Int>, after previous: SequenceHash?, to hashes: inout [SequenceHash]
    ) {
        let known = hashes.count, start = blocks.lowerBound * blockSize * TokenBytes.perToken
        hashes.append(contentsOf: repeatElement(SequenceHash(0), count: blocks.count))
        tokens.bytes.withUnsafeBytes { bytes in
            hashes.withUnsafeMutableBytes { hashes in
                XXH3.chain(
                    UnsafeRawBufferPointer(rebasing: bytes[start...]), width: windowSize * TokenBytes.perToken,
                    stride: blockSize * TokenBytes.perToken, seed: seed, chainSeed: SequenceHash.seed, after: previous?.rawValue,
                    into: UnsafeMutableBufferPointer(rebasing: hashes.bindMemory(to: UInt64.self)[known...]))
            }
        }
    }

    private var windowSize: Int {
        switch window {
        case .block: blockSize
        case .blockAndNextToken: blockSize + 1
        }
    }

    @inline(__always)
    private func hash(_ block: Int, in bytes: UnsafeRawBufferPointer, _ media: inout MediaCursor) -> BlockHash {
        let start = block * blockSize * TokenBytes.perToken
        let own = UnsafeRawBufferPointer(rebasing: bytes[start..<start + windowSize * TokenBytes.perToken])
        guard !media.isEmpty else { return BlockHash(XXH3.hash(own, seed: seed)) }
        return BlockHash(media.withMedia(of: block, behind: own) { XXH3.hash($0, seed: seed) })
    }
}

/// Media in the order in which the blocks ask for them.
private struct MediaCursor {
    private var media: [BlockMedium]
    private var next = 0
    private var joined: [UInt8] = []

    init(_ media: [BlockMedium]) {
        self.media = media.count < 2 ? media : media.sorted { ($0.block, $0.hash) < ($1.block, $1.hash) }
    }

    @inline(__always)
    var isEmpty: Bool { media.isEmpty }

    /// Blocks must be asked for in ascending order.
    mutating func withMedia(of block: Int, behind tokens: UnsafeRawBufferPointer, _ hash: (UnsafeRawBufferPointer) -> UInt64) -> UInt64 {
        while next < media.count, media[next].block < block { next += 1 }
        guard next < media.count, media[next].block == block else { return hash(tokens) }
        joined.removeAll(keepingCapacity: true)
        joined.append(contentsOf: tokens)
        while next < media.count, media[next].block == block {
            withUnsafeBytes(of: media[next].hash.littleEndian) { joined.append(contentsOf: $0) }
            next += 1
        }
        return joined.withUnsafeBytes(hash)
    }
}
