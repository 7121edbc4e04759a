import ClusterModel
import HTTPClient

/// From the start of a program to the moment it calls itself ready, the others of its cluster being there: no model is read.
struct StartTime: BenchmarkCase {
    let name = "start"
    private static let starts = 5
    private static let mostMilliseconds = 150.0
    private static let limit = Duration.seconds(10)

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var apus = try ApusSystem(settings, model: nil)
        apus.workers = 1
        var times: [[Double]] = [[], [], []]
        for _ in 0..<Self.starts {
            let ports = try FreePorts.take(7), folder = try WorkFolder()
            let programs = [apus.router(ports), apus.worker(ports, admin: ports[6]), apus.frontend(ports)]
            var started: [ServerProcess] = []
            for (place, admin) in [ports[2], ports[6], ports[4]].enumerated() {
                let began = Measuring.nanoseconds
                let server = try ServerProcess(programs[place], log: "\(folder.path)/\(place).log")
                started.append(server)
                guard try ServerAsking.wait(port: admin, .get("/readyz"), limit: Self.limit, while: { true }) != nil else {
                    throw BenchmarkFailure("\(programs[place].part) is not ready after \(Self.limit)\n\(server.lastWords)")
                }
                times[place].append(Double(Measuring.nanoseconds - began) / 1e6)
            }
            for server in started.reversed() { server.end() }
        }
        return zip(["router", "workerd", "frontend"], times).flatMap { part, times in
            [
                Figure("\(part), median of \(Self.starts)", times.median, "ms", .atMost(Self.mostMilliseconds)),
                Figure("\(part), slowest", times.max() ?? .nan, "ms"),
            ]
        }
    }
}
