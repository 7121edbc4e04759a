import ClusterModel

/// The state of a request that is one leg of a split one: what it gives away, or what it still waits for.
struct MockHandOver {
    enum Kind {
        /// A prefill leg that ends with parameters.
        case givesParameters
        /// A prefill leg whose pages leave while it computes.
        case exports
        /// A decode leg whose pages come one by one.
        case receives
        /// A decode leg that starts with parameters. They stand for the state as a whole: nothing is computed again, and it takes no time.
        case takesParameters
    }

    let kind: Kind
    let pages: MockKVPages
    /// Pages that were told to be exportable.
    private(set) var exportable = 0
    /// The peer has everything.
    private(set) var isReleased = false
    /// The state is there: from here on it is a request like any other, and one that is preempted computes it for itself.
    private(set) var hasState = false
    /// Blocks are reserved, and pages may come.
    private(set) var isReserved = false
    /// Pages and layers that have not come.
    private var missing: [Bool] = []
    private var missingCount = 0
    /// From the first one on, without a gap.
    private(set) var receivedPages = 0

    /// Nil for a whole request; the fault for a leg that makes no sense, or that is not for this engine.
    static func of(
        _ request: EngineRequest, blockSize: Int, _ kv: MockKVConfiguration?
    ) -> Result<MockHandOver?, MockHandOverFault> {
        let kind: Kind
        switch (request.leg, request.handOver) {
        case (.whole, .none): return .success(nil)
        case (.whole, _): return .failure(MockHandOverFault(.unsupported("handOver")))
        case _ where kv == nil: return .failure(MockHandOverFault(.unsupported("leg")))
        case (.prefill, .none): kind = .givesParameters
        case (.prefill, .export): kind = .exports
        case (.decode, .receive): kind = .receives
        case (.decode, .parameters): kind = .takesParameters
        case (.prefill, _), (.decode, _): return .failure(MockHandOverFault(.unsupported("handOver")))
        }
        guard let kv else { return .success(nil) }
        let ability: EngineCapabilities = kind == .exports || kind == .receives ? .concurrentHandOver : .sequentialHandOver
        guard kv.capabilities.contains(ability) else { return .failure(MockHandOverFault(.unsupported("handOver"))) }
        if request.embeds { return .failure(MockHandOverFault(.unsupported("task"))) }
        // Pages are one sequence: where choices go on from different texts there are several.
        guard request.choices.count == 1 || request.choices.allSatisfy(\.shown.isEmpty) else {
            return .failure(MockHandOverFault(.unsupported("choices")))
        }
        let tokens = request.choices.count == 1 ? request.prompt + request.choices[0].shown : request.prompt
        let made = MockHandOver(kind, MockKVPages(tokens, adapter: request.adapter, blockSize: blockSize, kv))
        if case .parameters(let bytes) = request.handOver, bytes != made.parameters {
            return .failure(MockHandOverFault(.incompatible("parameters")))
        }
        return .success(made)
    }

    private init(_ kind: Kind, _ pages: MockKVPages) {
        self.kind = kind
        self.pages = pages
    }

    /// It starts with blocks for all of its state, which it does not compute.
    var takesState: Bool { (kind == .receives || kind == .takesParameters) && !hasState }
    /// After its first tokens it has nothing more to do here.
    var isPrefill: Bool { kind == .exports || kind == .givesParameters }
    /// And keeps its state until the peer has it.
    var awaitsRelease: Bool { kind == .exports && !isReleased }

    // MARK: Parameters

    private static let mark = Array("AMK1".utf8)

    /// What another engine of this kind recognizes this very state by.
    var parameters: [UInt8] {
        var bytes = Self.mark
        withUnsafeBytes(of: UInt64(pages.count).littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: pages.digest.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// The mark of this state goes with its pages, too: who takes them sees that nothing was mixed up on the way.
    var besidePages: [UInt8]? { kind == .exports ? parameters : nil }

    // MARK: Out

    /// The number of pages to tell, if there are more than before.
    mutating func mayExport(_ count: Int) -> UInt32? {
        guard kind == .exports, count > exportable else { return nil }
        exportable = count
        return UInt32(clamping: count)
    }

    func export(_ slice: KVSlice) -> [UInt8]? {
        guard let wanted = pages.pages(of: slice), wanted.upperBound <= exportable else { return nil }
        return pages.bytes(of: slice)
    }

    mutating func release() { isReleased = true }

    // MARK: In

    mutating func reserve(held: Int) {
        isReserved = true
        missing = Array(repeating: false, count: held * pages.layerCount)
        missing += Array(repeating: true, count: (pages.count - held) * pages.layerCount)
        missingCount = (pages.count - held) * pages.layerCount
        receivedPages = held
    }

    /// What is wrong with a slice, or nothing.
    mutating func store(_ slice: KVSlice, _ bytes: [UInt8]) -> String? {
        guard isReserved else { return "KV state before its blocks were reserved" }
        guard let range = pages.pages(of: slice), let layers = pages.layers(of: slice) else { return "KV state of no page" }
        guard bytes == pages.bytes(of: slice) else { return "KV state with wrong bytes" }
        for page in range {
            for layer in layers where missing[page * pages.layerCount + layer] {
                missing[page * pages.layerCount + layer] = false
                missingCount -= 1
            }
        }
        while receivedPages < pages.count, isThere(receivedPages) { receivedPages += 1 }
        return nil
    }

    private func isThere(_ page: Int) -> Bool {
        !missing[page * pages.layerCount..<(page + 1) * pages.layerCount].contains(true)
    }

    /// What is wrong with the end of a transfer, or nothing.
    mutating func complete(_ handOver: [UInt8]) -> String? {
        guard isReserved, missingCount == 0 else { return "KV state with gaps" }
        guard handOver == parameters else { return "KV state of another request" }
        isReserved = false
        missing = []
        hasState = true
        return nil
    }

    /// Parameters brought everything.
    mutating func take() { hasState = true }
}

/// Why no leg can be made of a request.
struct MockHandOverFault: Error {
    let fault: EngineFault

    init(_ fault: EngineFault) { self.fault = fault }
}
