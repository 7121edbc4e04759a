import ClusterModel
import EventLoop
import Telemetry
import WireProtocol

/// What a worker counts of KV state on its way: both directions, by what became of it.
final class KVMetrics: Sendable {
    enum Direction: String, CaseIterable { case sent, received }

    private let transfers: CounterFamily
    private let bytes: CounterFamily
    private let chunks: CounterFamily
    private let rooms: GaugeFamily
    private let seconds: Histogram
    private let exposed: Histogram

    init(registry: MetricsRegistry) {
        transfers = registry.counterFamily(
            "apus_worker_kv_transfers_total", help: "Rooms that are over, by direction and by how they ended.",
            labels: ["direction", "outcome"])
        bytes = registry.counterFamily(
            "apus_worker_kv_bytes_total", help: "Bytes of KV state, plain and as they were on the link.", labels: ["direction", "form"])
        chunks = registry.counterFamily("apus_worker_kv_chunks_total", help: "Chunks of KV state.", labels: ["direction"])
        rooms = registry.gaugeFamily("apus_worker_kv_rooms", help: "Rooms that are open.", labels: ["direction"])
        let steps = [0.0001, 0.00022, 0.00047, 0.001, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1, 2.2, 4.7, 10, 22]
        seconds = registry.histogram(
            "apus_worker_kv_transfer_seconds", help: "First chunk sent to the last acknowledgement, at the sender.", buckets: steps)
        exposed = registry.histogram(
            "apus_worker_kv_exposed_seconds", help: "End of prefill to the last acknowledgement, at the sender.", buckets: steps)
        for direction in Direction.allCases { rooms.labels(direction.rawValue).set(0) }
    }

    /// What is sent once more, on another link, is no more state: only the bytes on the wire are more.
    func sent(_ chunk: PackedSlice, isRepeat: Bool) {
        count(.sent, plain: isRepeat ? 0 : chunk.plainBytes, wire: chunk.data.count, chunks: isRepeat ? 0 : 1)
    }

    func received(plain: Int, wire: Int) { count(.received, plain: plain, wire: wire, chunks: 1) }

    private func count(_ direction: Direction, plain: Int, wire: Int, chunks count: Int) {
        chunks.labels(direction.rawValue).increment(by: count)
        bytes.labels(direction.rawValue, "plain").increment(by: plain)
        bytes.labels(direction.rawValue, "wire").increment(by: wire)
    }

    @LoopActor
    func finished(_ direction: Direction, _ request: OpenRequest) {
        transfers.labels(direction.rawValue, "done").increment()
        guard direction == .sent else { return }
        let durations = request.durations
        seconds.observe(Double(durations.transferMicroseconds) / 1e6)
        exposed.observe(Double(durations.exposedTransferMicroseconds) / 1e6)
    }

    func ended(_ direction: Direction, _ code: FailureCode) {
        transfers.labels(direction.rawValue, WorkerMetrics.name(code)).increment()
    }

    func rooms(sending: Int, receiving: Int) {
        rooms.labels(Direction.sent.rawValue).set(sending)
        rooms.labels(Direction.received.rawValue).set(receiving)
    }
}
