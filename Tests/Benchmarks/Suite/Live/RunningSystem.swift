import Glibc
import HTTPClient
import JSONText

/// A system whose programs run and answer. They end with this object.
final class RunningSystem {
    let system: ServingSystem
    private let processes: [ServerProcess]
    private let folder: WorkFolder

    /// Returns when it has answered a chat.
    init(_ system: ServingSystem) throws(BenchmarkFailure) {
        let folder = try WorkFolder()
        var processes: [ServerProcess] = []
        for (number, program) in system.programs.enumerated() {
            processes.append(try ServerProcess(program, log: "\(folder.path)/\(number)-\(program.part).log"))
        }
        self.system = system
        self.processes = processes
        self.folder = folder
        let leaders = processes.map(\.id)
        let answered = try ServerAsking.wait(
            port: system.port, Self.greeting(system.model), limit: system.startLimit,
            while: { leaders.allSatisfy { !Self.isZombie($0) } },
            isRight: { (try? JSONValue(parsing: $0.body))?["usage"]?["completion_tokens"]?.asInt == 4 })
        guard answered != nil else { throw failure("\(system.name) answers no chat") }
    }

    private static func greeting(_ model: String) -> HTTPClientRequest {
        let body =
            #"{"model":"\#(model)","messages":[{"role":"user","content":"Good morning"}],"max_tokens":4,"min_tokens":4,"ignore_eos":true}"#
        return .post("/v1/chat/completions", json: Array(body.utf8))
    }

    /// It is over, and only its parent has not looked yet.
    private static func isZombie(_ process: pid_t) -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo != 0
    }

    /// What its processes have used so far, one by one.
    var processUses: ProcessUses { ProcessUses(processes.map { ($0.program.part, $0.program.isEngine, $0.id) }) }

    /// With the end of the logs of what is over, or of all.
    func failure(_ words: String) -> BenchmarkFailure {
        let over = processes.filter { !$0.isRunning }
        return BenchmarkFailure("\(words)\n" + (over.isEmpty ? processes : over).map(\.lastWords).joined(separator: "\n"))
    }

    /// Clients' side first, so that nobody waits for those who left already.
    func end() {
        for process in processes.reversed() { process.askToLeave() }
        for process in processes.reversed() { process.end() }
    }

    deinit { end() }
}
