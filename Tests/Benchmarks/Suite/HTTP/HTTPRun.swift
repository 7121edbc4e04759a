/// A server in a process of its own under a load from another.
enum HTTPRun {
    /// Of a process that does nothing any more.
    private static let patience: Int32 = 60

    static func measure(_ plan: HTTPPlan, inC: Bool, connections: Int) throws(BenchmarkFailure) -> HTTPService {
        var server = try ChildProcess.role(arguments(plan, inC: inC))
        return try attend(&server, connections: connections)
    }

    /// Instructions of an answer, in user space alone: the difference of two lengths leaves out what is not per answer.
    static func instructionsPerAnswer(
        _ given: HTTPPlan, inC: Bool, connections: Int, few: Int, many: Int
    ) throws(BenchmarkFailure) -> Double {
        var plan = given
        // What is counted ends by its answers: a warm-up that ended with the last of them would leave no window.
        plan.warmUpMilliseconds = 0
        func count(_ answers: Int) throws(BenchmarkFailure) -> Int {
            plan.answers = answers
            let arguments = ["--role"] + arguments(plan, inC: inC)
            return try Callgrind.instructions(of: arguments) { (server) throws(BenchmarkFailure) in
                _ = try attend(&server, connections: connections)
                return 0
            }
        }
        return Double(try count(many) - count(few)) / Double(many - few)
    }

    private static func arguments(_ plan: HTTPPlan, inC: Bool) -> [String] { [inC ? "c-http-server" : "http-server"] + plan.arguments }

    /// Puts a load on a server that was started, until it has said what it did and both have ended.
    private static func attend(_ server: inout ChildProcess, connections: Int) throws(BenchmarkFailure) -> HTTPService {
        guard let port = server.line(within: patience) else {
            _ = server.end(within: 0)
            throw BenchmarkFailure("the server did not listen")
        }
        var load = try ChildProcess.role(["http-load", port, "\(connections)"])
        let service = server.line(within: patience).flatMap { HTTPService(line: $0) }
        let status = server.end(within: service == nil ? 0 : patience)
        // Its connections end with the server.
        let tally = load.line(within: patience).map { $0.split(separator: " ").compactMap { Int($0) } } ?? []
        let loadStatus = load.end(within: tally.isEmpty ? 0 : patience)
        guard status == 0, let service else { throw BenchmarkFailure("the server ended without a result, status \(status)") }
        guard loadStatus == 0, tally.count == 2 else { throw BenchmarkFailure("the load did not get what is served, status \(loadStatus)") }
        // What was complete has arrived, but for the last answer of each connection.
        guard tally[0] + connections >= service.answers else {
            throw BenchmarkFailure("\(service.answers) answers were served, and \(tally[0]) arrived")
        }
        return service
    }
}
