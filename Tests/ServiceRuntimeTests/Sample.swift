import ServiceRuntime

/// A process with one option of each kind, and the ways to resolve it in a test.
struct Sample {
    enum Policy: String, CaseIterable, Sendable { case cost, random, roundRobin = "round-robin" }

    var table: OptionTable
    let listen: OptionKey<String>
    let routers: OptionKey<[String]>
    let queueEntries: OptionKey<Int>
    let queueTime: OptionKey<Duration>
    let bodyLimit: OptionKey<Int>
    let weight: OptionKey<Double>
    let policy: OptionKey<Policy>
    let trace: OptionKey<Bool>
    let modelFolder: OptionKey<String?>
    let token: OptionKey<Secret?>

    init(operands: ProcessDescription.Operands = .none) {
        table = OptionTable(
            ProcessDescription(
                name: "sample", summary: "Stands in for a process of the cluster in tests of the option machinery.", protocolVersion: "1.0",
                operands: operands, examples: [.init("sample --listen 127.0.0.1:9000", "Listens elsewhere.")]))
        table.group("Network")
        listen = table.option("listen", .address(.http), default: "127.0.0.1:8000", help: "Where clients connect.")
        routers = table.list("router", .address(.peer), count: 0...3, help: "Routers to dial.")
        table.group("Queue")
        queueEntries = table.option(
            "queue-entries", .integer(1...1_000_000), default: 5_000,
            help: "Requests that may wait for a worker; more are refused with 429.",
            details: "Raise it together with the memory of the process: an entry holds the hashes of its prompt until a worker takes it.")
        queueTime = table.option("queue-time", .duration(.milliseconds(1) ... .seconds(3_600)), default: .seconds(60), help: "How long.")
        bodyLimit = table.option("body-limit", .bytes(1_024...(1 << 30)), default: 32 << 20, help: "Largest body.")
        table.group("Scheduling")
        weight = table.option("overlap-weight", .number(0...100), default: 1, help: "What a cached block counts.")
        policy = table.option("policy", .word(), default: .cost, help: "How a worker is chosen.")
        trace = table.flag("trace", help: "Writes each decision.")
        modelFolder = table.optional("model-folder", .path(), help: "Where models lie.")
        token = table.secret("admin-token", help: "Guards the admin listener.")
    }

    func resolve(_ arguments: [String] = [], environment: [String: String] = [:], files: [String: String] = [:]) -> Resolution {
        table.resolve(arguments: arguments, environment: environment, files: .holding(files))
    }

    func invoke(_ arguments: [String] = [], environment: [String: String] = [:], files: [String: String] = [:]) -> Invocation {
        table.invocation(arguments: arguments, environment: environment, files: .holding(files))
    }
}

extension FileReader {
    /// A file system of a few texts.
    static func holding(_ files: [String: String]) -> FileReader {
        FileReader { (path, limit) throws(FileReadError) in
            guard let text = files[path] else { throw FileReadError(path: path, reason: "No such file or directory") }
            guard text.utf8.count <= limit else { throw FileReadError(path: path, reason: "it is longer than \(limit) bytes") }
            return Array(text.utf8)
        }
    }
}

extension Resolution {
    var texts: [String] { issues.map(\.description) }
}
