import Scheduling
import Telemetry

/// The block index in numbers. Names begin with `apus_router_index_`.
struct IndexGauges: Sendable {
    private let bytes: Gauge
    private let blocks: Gauge
    private let copies: Gauge
    private let activeBlocks: Gauge
    private let openMarks: Gauge
    private let evicted: Gauge
    private let refused: Gauge
    private let parentsNotFound: Gauge
    private let blocksNotFound: Gauge

    init(_ registry: MetricsRegistry) {
        bytes = registry.gauge("apus_router_index_bytes", help: "Memory of the block index.")
        blocks = registry.gauge("apus_router_index_blocks", help: "Distinct blocks in the index.")
        copies = registry.gauge("apus_router_index_copies", help: "Blocks in the index, once for each placement that has one.")
        activeBlocks = registry.gauge(
            "apus_router_index_active_blocks", help: "Blocks that booked or running requests hold, once a placement.")
        openMarks = registry.gauge(
            "apus_router_index_open_marks", help: "Blocks whose placement lacks the one before: lookups there go block by block.")
        evicted = registry.gauge("apus_router_index_evicted", help: "Blocks dropped from the index for lack of room, since the start.")
        refused = registry.gauge("apus_router_index_refused", help: "Blocks not taken into the index for lack of room, since the start.")
        parentsNotFound = registry.gauge(
            "apus_router_index_parents_not_found", help: "Blocks stored behind one that the placement does not have, since the start.")
        blocksNotFound = registry.gauge(
            "apus_router_index_blocks_not_found", help: "Removals of blocks that the placement does not have, since the start.")
    }

    func show(_ counts: IndexCounts) {
        bytes.set(counts.bytes)
        blocks.set(counts.blocks)
        copies.set(counts.copies)
        activeBlocks.set(counts.activeBlocks)
        openMarks.set(counts.openMarks)
        evicted.set(Int(clamping: counts.evicted))
        refused.set(Int(clamping: counts.refused))
        parentsNotFound.set(Int(clamping: counts.parentsNotFound))
        blocksNotFound.set(Int(clamping: counts.blocksNotFound))
    }
}
