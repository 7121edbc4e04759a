import ClusterModel
import Engines
import Testing

/// What an engine did, one line a step, to be compared with a table in a test:
///
///     step | computed      | held free | events        | cache
///        1 | a:16 b:8*     |    6   10 | +a +b(4)      | >1>2 2>3
///
/// - computed: tokens by request; `*` where a prompt is complete and its first tokens come.
/// - held, free: blocks that requests hold, and blocks that can be taken.
/// - events: `+a` starts, with its cached tokens; `-a` is preempted; `a.` ends; `s7=3` says what session 7 keeps.
/// - cache: `>1>2` stored from the beginning, `2>3` behind block 2, `x3` removed; blocks are numbered as they first appear.
///
/// Requests are letters: a is key 1. Blocks have 4 tokens.
final class StepTable {
    let run: EngineRun
    private(set) var lines: [String] = []
    private let totalBlocks: Int
    private var known: [EngineRequestKey: Int] = [:]
    private var computed: [EngineRequestKey: Int] = [:]
    private var names: [SequenceHash: Int] = [:]

    init(
        blocks: UInt32 = 16, batched: UInt32 = 16, sequences: UInt32 = 8, _ change: (inout MockConfiguration) -> Void = { _ in }
    ) {
        run = EngineRun(
            .test(sequences: sequences, batched: batched, blocks: blocks) {
                $0.blockSize = 4
                $0.watermark = 0
                change(&$0)
            })
        totalBlocks = Int(blocks)
    }

    /// Prompts of one text begin alike; each request has a seed of its own.
    func admit(
        _ name: Character, text: TokenID = 0, prompt: Int = 8, output: UInt32 = 4, choices: UInt8 = 1,
        _ change: (inout EngineRequest) -> Void = { _ in }
    ) {
        let key = Self.key(name)
        run.admit(key.rawValue, choices: (0..<choices).map { EngineChoice(choice: $0, maxTokens: output) }, seed: key.rawValue) {
            $0.prompt = (0..<prompt).map { TokenID($0) + 100 * text }
            change(&$0)
            known[$0.key] = $0.prefillTokens
        }
    }

    func cancel(_ name: Character, choice: UInt8? = nil) { run.engine.cancel(Self.key(name), choice: choice) }

    /// What a request's prompt and its first choice make together: the beginning of a next turn.
    func conversation(_ name: Character, text: TokenID = 0, prompt: Int = 8) -> [TokenID] {
        (0..<prompt).map { TokenID($0) + 100 * text } + (run.tokens[Self.key(name)]?[0] ?? [])
    }

    func step(_ count: Int = 1) throws {
        for _ in 0..<count {
            try run.step()
            run.check()
            lines.append(line())
        }
    }

    func finish() throws {
        for _ in 0..<200 where run.engine.hasWork { try step() }
        #expect(!run.engine.hasWork)
    }

    /// The lines since this was last asked.
    func expect(_ table: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let wanted = table.split(separator: "\n").map { Self.words(String($0)) }, got = lines.map(Self.words)
        #expect(got == wanted, "\n\(lines.joined(separator: "\n"))\n", sourceLocation: sourceLocation)
        #expect(run.faults == [], sourceLocation: sourceLocation)
        lines = []
    }

    private static func words(_ line: String) -> [Substring] { line.split(separator: " ") }
    private static func key(_ name: Character) -> EngineRequestKey { EngineRequestKey(UInt64(name.asciiValue ?? 0) - 96) }
    private static func name(_ key: EngineRequestKey) -> String { String(UnicodeScalar(UInt8(96 + key.rawValue))) }

    private func line() -> String {
        let output = run.output
        var work: [EngineRequestKey: (count: Int, ends: Bool)] = [:], events: [String] = []
        for event in output.events {
            switch event {
            case .started(let key, let cached):
                computed[key] = Int(cached)
                events.append("+" + Self.name(key) + (cached > 0 ? "(\(cached))" : ""))
            case .prefilled(let key, let now, _):
                work[key] = (Int(now) - (computed[key] ?? 0), false)
                computed[key] = Int(now)
            case .prefillDone(let key): work[key] = ((known[key] ?? 0) - (computed[key] ?? 0), true)
            case .preempted(let key, let remaining):
                known[key] = Int(remaining)
                events.append("-" + Self.name(key))
            case .sessionHolds(let session, let blocks): events.append("s\(session)=\(blocks)")
            default: break
            }
        }
        for one in output.runs where work[one.key]?.ends != true { work[one.key, default: (0, false)].count += Int(one.count) }
        events += output.ends.map { Self.name($0.key) + "." }
        let computed = work.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\(Self.name($0.key)):\($0.value.count)\($0.value.ends ? "*" : "")" }
        let load = output.loads[0], held = Int(load.activeBlocks)
        let columns = [
            Self.pad(String(run.steps), -3), Self.pad(computed.joined(separator: " "), 18),
            Self.pad(String(held), -2) + " " + Self.pad(String(totalBlocks - held - onlyPinned), -2),
            Self.pad(events.joined(separator: " "), 18), output.cache.map { cache($0, output) }.joined(separator: " "),
        ]
        return columns.joined(separator: " | ")
    }

    /// Tables of sessions keep blocks only when no request holds them.
    private var onlyPinned: Int { run.engine.keptBlocks(ofRank: Rank(0)) }

    private func cache(_ change: CacheChange, _ output: StepOutput) -> String {
        let hashes = output.hashes[Int(change.first)..<Int(change.first + change.count)].map(name)
        return switch change.kind {
        case .cleared: "clear"
        case .removed: hashes.map { "x\($0)" }.joined(separator: " ")
        case .stored(let parent): (parent.map { String(name($0)) } ?? "") + hashes.map { ">\($0)" }.joined()
        }
    }

    private func name(_ hash: SequenceHash) -> Int {
        if let name = names[hash] { return name }
        names[hash] = names.count + 1
        return names.count
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        let fill = String(repeating: " ", count: max(0, abs(width) - text.count))
        return width < 0 ? fill + text : text + fill
    }
}
