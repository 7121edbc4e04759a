import ClusterModel
import HTTPClient

/// From the start of a program to the moment it calls itself ready, in a cluster that is there already: no model is read.
struct StartTime: BenchmarkCase {
    let name = "start"
    private static let starts = 5
    private static let mostMilliseconds = 150.0
    private static let limit = Duration.seconds(10)

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var apus = try ApusSystem(settings, model: nil)
        apus.workers = 1
        // A router that has just begun waits for its workers to come back, and frontends for it: that is a cluster's start, and no program's.
        let ports = try FreePorts.take(6), cluster = try RunningSystem(apus.system(ports: ports))
        var figures: [Figure] = []
        for part in ["router", "workerd", "frontend"] {
            var times: [Double] = []
            for _ in 0..<Self.starts { times.append(try start(part, of: apus, routerPort: ports[0])) }
            figures += [
                Figure("\(part), median of \(Self.starts)", times.median, "ms", .atMost(Self.mostMilliseconds)),
                Figure("\(part), slowest", times.max() ?? .nan, "ms"),
            ]
        }
        cluster.end()
        return figures
    }

    private func start(_ part: String, of apus: ApusSystem, routerPort: UInt16) throws(BenchmarkFailure) -> Double {
        let own = try FreePorts.take(7), ports = [routerPort] + own[1..<6], folder = try WorkFolder()
        let (program, admin) =
            switch part {
            case "router": (apus.router(own), own[2])
            case "workerd": (apus.worker(ports, admin: own[6]), own[6])
            default: (apus.frontend(ports), own[4])
            }
        let began = Measuring.nanoseconds
        let server = try ServerProcess(program, log: "\(folder.path)/log")
        guard try ServerAsking.wait(port: admin, .get("/readyz"), limit: Self.limit, while: { true }) != nil else {
            throw BenchmarkFailure("\(part) is not ready after \(Self.limit)\n\(server.lastWords)")
        }
        let taken = Double(Measuring.nanoseconds - began) / 1e6
        server.end()
        return taken
    }
}
