/// Words that one process of a deterministic, single-loop system must not use, each with what to use.
enum WordRules {
    static let all: [Rule] = [
        banned(
            "no shared objects", ["static let shared", "static var shared"],
            instead: "pass the object in, so that two of them can live in one process",
            covers: Files.sources, good: "let shared = 1\nstatic let sharedSecret = 2\n// static let shared"),
        banned(
            "one clock", ["ContinuousClock", "SuspendingClock", "Date (", "DispatchTime"],
            instead: "read `loop.now`, or take an instant: the simulation has no other time", covers: Files.sources(but: "io/EventLoop"),
            good: "let clock = loop.now // not ContinuousClock\nlet text = \"Date()\""),
        banned(
            "no reading of the system's time", ["clock_gettime", "gettimeofday", "time ( nil )"],
            instead: "read `loop.now` or `loop.wallClockMilliseconds`", covers: Files.sources(but: "io/EventLoop", "base/Telemetry"),
            good: "let stamp = loop.wallClockMilliseconds"),
        banned(
            "no sleeping", ["Task . sleep", "usleep (", "nanosleep (", "Thread . sleep", "DispatchQueue"],
            instead: "wait with `loop.sleep` or `loop.schedule`, which exist in a simulation too", covers: Files.swift,
            good: "await loop.sleep(for: .milliseconds(10)) // not Task.sleep"),
        banned(
            "tasks start on a loop", ["Task {", "Task (", "Task . detached", "Task . immediate"],
            instead: "start it with `loop.spawn`, which keeps it on the loop", covers: Files.sources(but: "io/EventLoop"),
            good: "loop.spawn { await run() }\nlet task: Task<Void, Never>\nif Task.isCancelled {}\nMyTask { }"),
        banned(
            "no streams between tasks", ["AsyncStream", "AsyncThrowingStream"],
            instead: "use `Mailbox`, which hands over a batch a resume and has a bound", covers: Files.sources,
            good: "let mailbox = Mailbox<Frame>(on: loop) // AsyncStream would resume once a frame"),
        banned(
            "no main actor", ["@ MainActor"], instead: "isolate to `@LoopActor`: the main thread is nobody's in a service",
            covers: Files.swift,
            good: "@LoopActor final class Owner {}"),
        banned(
            "random numbers come from the loop",
            ["SystemRandomNumberGenerator", ". randomElement ( )", ". shuffled ( )", ". shuffle ( )", "Bool . random ( )"],
            instead: "draw from `loop.random` or a `SeededRandom` that was passed in: a seed must replay the run", covers: Files.swift,
            good: "list.shuffled(using: &random)\nlist.randomElement(using: &random)"),
        randomWithoutGenerator,
        banned(
            "no traps on errors", ["try !", "as !"], instead: "handle the error, or say with `preconditionFailure` why it cannot be",
            covers: Files.sources,
            good: "let value = try? read()\nif a != b {}\nlet other = try read() // try!"),
        banned(
            "no fatalError", ["fatalError ("],
            instead: "throw a typed error for what a peer does, `preconditionFailure(\"why\")` for what only we can do wrong",
            covers: Files.sources, good: "preconditionFailure(\"a caller closed it twice\")"),
        printing,
        banned(
            "no casts of bits", ["unsafeBitCast ("],
            instead: "convert with an initialiser; the one cast of isolation is in LoopActor.swift",
            covers: { Files.sources($0) && $0.path != "Sources/io/EventLoop/LoopActor.swift" },
            good: "UInt32(bitPattern: value)"),
        banned(
            "no other locks", ["Mutex <", "NSLock", "DispatchSemaphore", "OSAllocatedUnfairLock"],
            instead: "use `Concurrency.Lock`: 4 ns, and the thread sanitizer understands it",
            covers: Files.sources(but: "base/Concurrency"),
            good: "private let state = Lock(State())"),
        orderOfDictionaries,
    ]

    /// A rule against phrases: tokens with spaces between them.
    private static func banned(
        _ name: String, _ phrases: [String], instead: String, covers: @escaping @Sendable (Tree.File) -> Bool, good: String
    ) -> Rule {
        let path = "Sources/stages/Scheduling/Sample.swift"
        return Rule(
            name, instead: instead,
            bad: phrases.map { .init(path, "func f() {\n    \($0.replacing(" ", with: ""))\n}") } + phrases.map { .init(path, $0) },
            good: [.init(path, good)] + phrases.map { .init(path, "// \($0)\nlet text = \"\($0)\"") }, files: covers
        ) { file in
            guard let swift = file.swift else { return [] }
            return phrases.flatMap { phrase in
                swift.places(of: phrase).map { (swift.tokens[$0].line, "`\(phrase.replacing(" ", with: ""))`") }
            }
        }
    }

    private static let randomWithoutGenerator = Rule(
        "random values name their generator", instead: "say `using: &generator`, with the loop's or one that was passed in",
        bad: [
            .init("Sources/stages/Scheduling/A.swift", "let x = Int.random(in: 0..<f(3))"),
            .init("Tests/ATests/A.swift", "Double.random(in: 0...1)"),
        ],
        good: [.init("Sources/stages/Scheduling/A.swift", "let x = Int.random(in: 0..<f(3), using: &loop.random)\nlet y = random(in: 3)")],
        files: Files.swift
    ) { file in
        guard let swift = file.swift else { return [] }
        return swift.places(of: ". random ( in").filter { start in
            let end = swift.closing(start + 2) ?? swift.tokens.count - 1
            return !swift.tokens[start...end].contains { $0.text == "using" }
        }.map { (swift.tokens[$0].line, "a random value of the system's generator") }
    }

    private static let printing = Rule(
        "printing is for apps", instead: "write a log line with the `Logger` that was passed in",
        bad: [
            .init("Sources/io/Transport/A.swift", "print(\"x\")"),
            .init("Sources/base/Telemetry/A.swift", "debugPrint(value); dump(value)"),
        ],
        good: [
            .init("Sources/apps/wiretool/A.swift", "print(\"x\")"),
            .init("Sources/io/Transport/A.swift", "func print(_ x: Int) {}\nwriter.print(x) // print("),
        ],
        files: Files.sources(but: "apps")
    ) { file in
        guard let swift = file.swift else { return [] }
        return ["print (", "debugPrint (", "dump ("].flatMap { phrase in
            swift.places(of: phrase).filter { ![".", "func"].contains(swift.text(at: $0 - 1)) }.map {
                (swift.tokens[$0].line, "`\(phrase.prefix { $0 != " " })(`")
            }
        }
    }

    /// Types are not known here, so it follows names: what is declared as a dictionary or a set in the same file, iterated without an order.
    private static let orderOfDictionaries = Rule(
        "iteration has an order", instead: "sort first, or say in a comment `// Order: why it reaches no message and no decision`",
        bad: [
            .init("Sources/stages/A/A.swift", "private var table: [String: Int] = [:]\nfor (name, value) in table { send(name) }"),
            .init("Sources/stages/A/A.swift", "var members = Set<Int>()\nfor member in members { send(member) }"),
            .init("Sources/stages/A/A.swift", "let table: [Key: Value]\nreturn table.values.map(\\.name)"),
            .init("Sources/stages/A/A.swift", "let members: Set<Int>\nreturn members.first"),
            .init("Sources/stages/A/A.swift", "var all: [Int: Int]\nreturn self.all.keys.first"),
        ],
        good: [
            .init(
                "Sources/stages/A/A.swift", "var table: [String: Int] = [:]\nfor (name, value) in table.sorted(by: order) { send(name) }"),
            .init(
                "Sources/stages/A/A.swift",
                "var table: [String: Int]\n// Order: each is only counted.\nfor (_, value) in table { total += value }"),
            .init("Sources/stages/A/A.swift", "var list: [Int] = []\nfor item in list { send(item) }\nlet first = list.first"),
            .init(
                "Sources/stages/A/A.swift",
                "let table: [Key: Value]\nlet count = table.values.count\ntable.removeValue(forKey: key)\nif table[key] != nil {}"),
        ],
        files: Files.sources(but: "testing", "apps")
    ) { file in
        guard let swift = file.swift else { return [] }
        let names = unorderedNames(swift)
        return swift.tokens.indices.filter { index in
            guard names.contains(swift.tokens[index].text), iterates(swift, index) else { return false }
            let line = swift.tokens[index].line
            let isSorted = swift.tokens[index...].prefix { $0.line == line }.contains {
                $0.text == "sorted" || $0.text == "min" || $0.text == "max"
            }
            return !isSorted && !swift.comment(near: line, says: "Order:")
        }.map { (swift.tokens[$0].line, "`\(swift.tokens[$0].text)` is iterated in an order that differs from run to run") }
    }

    private static func unorderedNames(_ swift: SwiftText) -> Set<String> {
        var names: Set<String> = []
        for index in swift.tokens.indices where ["let", "var"].contains(swift.tokens[index].text) {
            guard let name = swift.text(at: index + 1), let sign = swift.text(at: index + 2) else { continue }
            let isSet = swift.text(at: index + 3) == "Set"
            // `: [K: V]`: a colon before the bracket closes, outside inner brackets.
            var isDictionary = false
            if sign == ":", swift.text(at: index + 3) == "[" {
                var depth = 0
                for token in swift.tokens[(index + 3)...].prefix(40) {
                    if token.text == "[" || token.text == "(" { depth += 1 }
                    if token.text == "]" || token.text == ")" { depth -= 1 }
                    if depth == 0 { break }
                    if depth == 1, token.text == ":" { isDictionary = true }
                }
            }
            if sign == ":" || sign == "=", isSet || isDictionary { names.insert(name) }
        }
        return names
    }

    private static let walks: Set = [
        "map", "flatMap", "compactMap", "forEach", "first", "reduce", "joined", "enumerated", "prefix", "filter",
    ]

    private static func iterates(_ swift: SwiftText, _ index: Int) -> Bool {
        var next = index + 1
        if swift.text(at: next) == ".", ["keys", "values"].contains(swift.text(at: next + 1)) { next += 2 }
        if swift.text(at: next) == ".", let member = swift.text(at: next + 1), walks.contains(member) {
            // A filter of a dictionary or set is one again.
            return member != "filter" || next > index + 1
        }
        var before = index - 1
        if swift.text(at: before) == ".", swift.text(at: before - 1) == "self" { before -= 2 }
        return swift.text(at: before) == "in" && ["{", "where"].contains(swift.text(at: next))
    }
}
