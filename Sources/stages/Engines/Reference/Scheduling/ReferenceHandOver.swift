/// The state of a request that is one leg of a split one: what may leave, or what is still to come.
struct ReferenceHandOver {
    enum Kind: Hashable {
        /// A prefill leg whose pages leave while it computes.
        case exports
        /// A decode leg whose pages come one by one.
        case receives
        /// A prefill leg that ends with parameters.
        case givesParameters
        /// A decode leg that starts with parameters, and with as much state as they have.
        case takesParameters
    }

    let kind: Kind
    /// Tokens whose state goes over, and the pages in which it lies.
    let tokens: Int
    let pages: Int
    private let blockSize: Int
    private let layers: Int
    /// Pages that were told to be exportable.
    private(set) var exportable = 0
    /// The peer has everything.
    private(set) var isReleased = false
    /// Blocks are reserved, and pages may come.
    private(set) var isReserved = false
    /// From here on it is a request like any other, and one that is preempted computes its state for itself.
    private(set) var hasState = false
    /// Of each page and layer, whether it has come.
    private var there: [Bool] = []
    /// From the first one on, without a gap.
    private(set) var received = 0
    /// Those that it came with, until it starts.
    private(set) var parameters: ReferenceParameters?

    /// Nil for a whole request; the fault for a leg that makes no sense, or that is not for this engine.
    static func of(
        _ request: EngineRequest, blockSize: Int, _ form: ReferenceParameters.Form, _ can: EngineCapabilities
    ) -> Result<ReferenceHandOver?, ReferenceRefusal> {
        let kind: Kind
        switch (request.leg, request.handOver) {
        case (.whole, .none): return .success(nil)
        case (.prefill, .export): kind = .exports
        case (.decode, .receive): kind = .receives
        case (.prefill, .none): kind = .givesParameters
        case (.decode, .parameters): kind = .takesParameters
        default: return .failure(ReferenceRefusal(.unsupported("handOver")))
        }
        let ability: EngineCapabilities = kind == .exports || kind == .receives ? .concurrentHandOver : .sequentialHandOver
        guard can.contains(ability) else { return .failure(ReferenceRefusal(.unsupported("handOver"))) }
        // State is that of one sequence: where choices go on from different texts there are several.
        guard request.choices.count == 1 || request.choices.allSatisfy(\.shown.isEmpty) else {
            return .failure(ReferenceRefusal(.unsupported("choices")))
        }
        let tokens = request.choices.count == 1 ? request.prompt + request.choices[0].shown : request.prompt
        var made = ReferenceHandOver(kind: kind, tokens: tokens.count, blockSize: blockSize, layers: form.layers)
        if case .parameters(let bytes) = request.handOver {
            switch ReferenceParameters.read(bytes, form, of: tokens) {
            case .success(let parameters): made.parameters = parameters
            case .failure(let refusal): return .failure(refusal)
            }
        }
        return .success(made)
    }

    private init(kind: Kind, tokens: Int, blockSize: Int, layers: Int) {
        self.kind = kind
        self.tokens = tokens
        self.blockSize = blockSize
        self.layers = layers
        pages = (tokens + blockSize - 1) / blockSize
    }

    /// After its first tokens it has nothing more to do here.
    var isPrefill: Bool { kind == .exports || kind == .givesParameters }

    /// It starts with blocks for all of its state, which it does not compute.
    var takesState: Bool { kind == .receives && !hasState }
    var awaitsRelease: Bool { kind == .exports && !isReleased }

    /// Tokens of a page whose state is in it.
    func tokens(ofPage page: Int) -> Int { min(blockSize, tokens - page * blockSize) }

    /// The pages and layers of a slice, if there are such.
    func parts(of slice: KVSlice) -> (pages: Range<Int>, layers: Range<Int>)? {
        let firstPage = Int(slice.firstBlock), firstLayer = Int(slice.firstLayer)
        let endPage = firstPage + Int(slice.blockCount), endLayer = firstLayer + Int(slice.layerCount)
        guard firstPage < endPage, endPage <= pages, firstLayer < endLayer, endLayer <= layers else { return nil }
        return (firstPage..<endPage, firstLayer..<endLayer)
    }

    /// The number of pages to tell, if there are more than before.
    mutating func mayExport(_ count: Int) -> UInt32? {
        guard kind == .exports, count > exportable else { return nil }
        exportable = count
        return UInt32(clamping: count)
    }

    mutating func release() { isReleased = true }

    /// Once, when it starts.
    mutating func takeParameters() -> ReferenceParameters? {
        guard let taken = parameters else { return nil }
        parameters = nil
        hasState = taken.isWhole
        return taken
    }

    mutating func reserve(held: Int) {
        isReserved = true
        received = held
        there = (0..<pages * layers).map { $0 < held * layers }
    }

    /// False for what is there already: it may be in use by others, and stays as it is.
    mutating func take(page: Int, layer: Int) -> Bool {
        guard !there[page * layers + layer] else { return false }
        there[page * layers + layer] = true
        while received < pages, !there[received * layers..<(received + 1) * layers].contains(false) { received += 1 }
        return true
    }

    /// False where something has not come.
    mutating func complete() -> Bool {
        guard isReserved, received == pages else { return false }
        isReserved = false
        there = []
        hasState = true
        return true
    }
}

/// Why this engine cannot serve a leg.
struct ReferenceRefusal: Error {
    let fault: EngineFault

    init(_ fault: EngineFault) { self.fault = fault }
}
