import Engines
import WireProtocol

/// The KV state of one request in pages and bytes, by the engine's shape.
struct KVGeometry: Hashable {
    let tokens: UInt32
    let pages: UInt32
    let layers: UInt32
    let pageBytes: Int
    /// Of one layer of one page; nil where a page cannot be taken apart.
    let layerBytes: Int?

    /// Nil for a shape that makes no sense, or a state beyond what can be counted.
    init?(_ shape: EngineKVShape, tokens: Int) {
        guard let tokens = UInt32(exactly: tokens), let pageBytes = Int(exactly: shape.blockBytes), pageBytes > 0 else { return nil }
        guard tokens > 0, shape.blockTokens > 0, shape.layers > 0 else { return nil }
        self.tokens = tokens
        self.pageBytes = pageBytes
        pages = (tokens - 1) / shape.blockTokens + 1
        layers = shape.layers
        layerBytes = pageBytes % Int(shape.layers) == 0 ? pageBytes / Int(shape.layers) : nil
        guard !Int(pages).multipliedReportingOverflow(by: pageBytes).overflow else { return nil }
    }

    /// Of all pages.
    var totalBytes: UInt64 { UInt64(pages) * UInt64(pageBytes) }

    /// Nil for a slice of nothing, or outside the state.
    func bytes(of slice: KVSlice) -> Int? {
        let blockEnd = UInt64(slice.firstBlock) + UInt64(slice.blockCount), layerEnd = UInt64(slice.firstLayer) + UInt64(slice.layerCount)
        guard slice.blockCount > 0, slice.layerCount > 0, blockEnd <= pages, layerEnd <= layers else { return nil }
        if slice.layerCount == layers { return Int(slice.blockCount) * pageBytes }
        return layerBytes.map { Int(slice.blockCount) * Int(slice.layerCount) * $0 }
    }
}

/// Goes through the pages of a state in chunks of a given size: whole pages, or where one is too large some of its layers.
struct PageCursor {
    private let geometry: KVGeometry
    private let pagesAtOnce: UInt32
    private let layersAtOnce: UInt32
    private var page: UInt32
    private var layer: UInt32 = 0

    /// Nil if not even one layer of one page is as small as a chunk.
    init?(_ geometry: KVGeometry, from page: UInt32, chunkBytes: Int) {
        self.geometry = geometry
        self.page = page
        if geometry.pageBytes <= chunkBytes {
            pagesAtOnce = UInt32(clamping: chunkBytes / geometry.pageBytes)
            layersAtOnce = geometry.layers
        } else {
            guard let layerBytes = geometry.layerBytes, layerBytes <= chunkBytes else { return nil }
            pagesAtOnce = 1
            layersAtOnce = UInt32(clamping: chunkBytes / layerBytes)
        }
    }

    /// Behind the last page.
    var isAtEnd: Bool { page >= geometry.pages }

    /// The next slice below `limit` pages; nil while there is none.
    mutating func next(below limit: UInt32) -> KVSlice? {
        let limit = min(limit, geometry.pages)
        guard page < limit else { return nil }
        let slice = KVSlice(
            firstBlock: page, blockCount: min(pagesAtOnce, limit - page), firstLayer: layer,
            layerCount: min(layersAtOnce, geometry.layers - layer))
        layer += slice.layerCount
        if layer == geometry.layers {
            layer = 0
            page += slice.blockCount
        }
        return slice
    }
}

extension EngineProfile {
    /// Why no state of this engine can go through rooms, if it says that it can.
    func keepsItsState(credits: UInt32) -> String? {
        guard !capabilities.isDisjoint(with: [.concurrentHandOver, .moves]) else { return nil }
        guard let shape = kvShape, let geometry = KVGeometry(shape, tokens: 1) else {
            return "the engine does not say how it lies in pages"
        }
        let smallest = geometry.layerBytes ?? geometry.pageBytes, most = min(Limits.kvChunkBytes, Int(credits) / 4)
        guard smallest > most else { return nil }
        return "a layer of a page has \(smallest) bytes, and a chunk at most \(most), of the format and by --kv-credits"
    }
}
