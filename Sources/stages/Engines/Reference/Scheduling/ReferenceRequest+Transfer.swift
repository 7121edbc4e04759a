import ClusterModel

/// State that goes over to another engine, or comes from one.
extension ReferenceRequest {
    /// Pages that may leave, if there are more than before.
    func newlyExportable() -> UInt32? {
        guard let pages = handOver?.pages, handOver?.kind == .exports else { return nil }
        // Behind the shared blocks, those of several choices are done when all is.
        let own = texts.count == 1 && computed == sharedTokens ? texts[0].computed : 0
        return handOver?.mayExport(remaining == 0 ? pages : (computed + own) / blockSize)
    }

    /// Nil where it is not there to be exported.
    func export(_ slice: KVSlice, from computer: any BlockComputer, _ pool: borrowing BlockPool) -> [UInt8]? {
        guard let handOver, let (pages, layers) = handOver.parts(of: slice), pages.upperBound <= handOver.exportable else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pages.count * layers.count * computer.bytesPerLayer)
        for page in pages {
            for layer in layers {
                let tokens = handOver.tokens(ofPage: page)
                guard computer.append(block(ofPage: page), layer: layer, tokens: tokens, to: &bytes, in: pool) else { return nil }
            }
        }
        return bytes
    }

    /// The choice whose own blocks go over, or take what comes: what they have of the prompt is the same in all.
    private var carrier: Int {
        var carrier = 0
        for index in texts.indices where texts[index].blocks.count > texts[carrier].blocks.count { carrier = index }
        for index in texts.indices where texts[index].computed > texts[carrier].computed { carrier = index }
        return carrier
    }

    private func block(ofPage page: Int) -> BlockNumber {
        page < blocks.count ? blocks[page] : texts[carrier].blocks[page - sharedTokens / blockSize]
    }

    /// Blocks for all of its state, so many of which were found.
    func reserve(found: Int, _ pool: inout BlockPool) {
        while blocks.count * blockSize < sharedTokens { blocks.append(pool.take()) }
        for index in texts.indices where !texts[index].isFinished { texts[index].takeBlocks(for: texts[index].tokens.count, &pool) }
        handOver?.reserve(held: found)
    }

    /// What is wrong with a slice, or nothing.
    func store(_ slice: KVSlice, _ bytes: [UInt8], in computer: any BlockComputer, _ pool: inout BlockPool) -> String? {
        guard handOver?.isReserved == true else { return "KV state before its blocks were reserved" }
        guard let (pages, layers) = handOver?.parts(of: slice) else { return "KV state of no page" }
        guard bytes.count == pages.count * layers.count * computer.bytesPerLayer else { return "KV state of another size" }
        var offset = 0
        for page in pages {
            for layer in layers {
                if handOver?.take(page: page, layer: layer) == true {
                    let place = PagePlace(page: page, layer: layer, tokens: handOver?.tokens(ofPage: page) ?? 0)
                    guard computer.store(block(ofPage: page), at: place, from: bytes, at: offset, in: pool) else {
                        return "KV state with wrong bytes"
                    }
                }
                offset += computer.bytesPerLayer
            }
        }
        registerReceived(&pool)
        return nil
    }

    /// Found from here on, whatever becomes of the request: the next attempt need not have them sent again.
    private func registerReceived(_ pool: inout BlockPool) {
        guard let handOver else { return }
        // The last token is computed here once more: until then nobody finds its block.
        let tokens = min(handOver.received * blockSize, handOver.tokens - 1)
        registerShared(through: min(tokens, sharedTokens), &pool)
        if tokens > sharedTokens { registerOwn(carrier, through: tokens - sharedTokens, &pool) }
    }

    // MARK: Parameters

    /// Tokens that it need not compute, as their state came with its parameters: all behind those that were found, but not its last one.
    var broughtTokens: Int { max(0, min(handOver?.parameters?.carried ?? 0, knownTokens - 1) - (knownTokens - remaining)) }

    /// It has blocks for them from here on, and their state as soon as it is `unpack`ed.
    func takeParameters(_ pool: inout BlockPool) {
        let first = knownTokens - remaining, count = broughtTokens
        guard let parameters = handOver?.takeParameters(), count > 0 else { return }
        compute(count, &pool)
        scheduled = -1
        brought = (parameters, first..<first + count)
    }

    /// Puts the state that it came with into its blocks: nobody else has found them yet.
    func unpack(into states: any TokenStates) {
        guard let (parameters, tokens) = brought else { return }
        brought = nil
        for place in tokens {
            parameters.withRow(place) { bytes, first in
                states.storeToken(place % blockSize, of: block(ofPage: place / blockSize), from: bytes, at: first)
            }
        }
    }

    /// Everything is computed, and goes to whoever decodes.
    func pack(_ form: ReferenceParameters.Form, from states: any TokenStates) {
        guard handOver?.kind == .givesParameters else { return }
        parameters = ReferenceParameters.bytes(form, of: prompt.prefix(sharedTokens) + texts[carrier].tokens) { place, bytes in
            states.appendToken(place % blockSize, of: block(ofPage: place / blockSize), to: &bytes)
        }
    }

    // MARK: The end of a transfer

    /// What is wrong with the end of a transfer, or nothing.
    func complete(
        _ firstTokens: [KVFirstToken], _ state: [UInt8], in computer: any BlockComputer, _ pool: borrowing BlockPool
    ) -> String? {
        guard handOver?.complete() == true else { return "KV state with gaps" }
        guard state.isEmpty else { return "state of another engine" }
        let source = texts[carrier].blocks
        computed = sharedTokens
        for index in leaders where !texts[index].isFinished {
            for (from, to) in zip(source, texts[index].blocks) where from != to {
                guard computer.copy(from, to: to, in: pool) else { return "KV state that the engine cannot give to several choices" }
            }
            texts[index].takeState()
        }
        take(firstTokens)
        return nil
    }
}
