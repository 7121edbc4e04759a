import ClusterModel
import Engines
import EventLoop
import Glibc
import ProcessKit
import Telemetry
import Transport
import WireProtocol
import WorkerService

/// A worker process of the service that ships, over an engine that has nothing but KV state. Lives until it is terminated.
@LoopActor
enum TransferWorker {
    nonisolated static func run(id: UInt64, codec: Int) {
        LargeAllocations.reuse()
        do {
            let loop = try EpollLoop()
            loop.spawn {
                do {
                    let service = try await start(id, codec, on: loop)
                    Console.write("\(service.address?.port ?? 0)\n")
                    held = service
                } catch {
                    Console.warn("transfer-worker: \(error)\n")
                    exit(1)
                }
            }
            loop.run()
        } catch {
            Console.warn("transfer-worker: \(error)\n")
            exit(1)
        }
    }

    /// For as long as the process runs.
    private static var held: WorkerService?

    private static func start(_ id: UInt64, _ codec: Int, on loop: EpollLoop) async throws -> WorkerService {
        var config = WorkerConfig()
        config.engine = .made { StateEngine() }
        config.rooms.codec = KVCodec(rawValue: UInt8(clamping: codec)).map { .fixed($0) } ?? .auto
        let metrics = MetricsRegistry()
        let log = Logger(
            level: .error, style: .readable(colours: false), sink: DescriptorSink(), metrics: metrics,
            wallClock: { loop.wallClockMilliseconds })
        let context = ProcessContext(
            loop: loop, network: try NngNetwork(on: loop), sockets: EpollSockets(on: loop), pool: WorkPool(), log: log, metrics: metrics,
            policy: TransferLoad.policy(.worker, id: id), advertisedHost: nil)
        let service = WorkerService(config, context)
        try await service.start()
        return service
    }
}
