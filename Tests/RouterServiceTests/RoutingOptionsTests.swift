import Scheduling
import ServiceRuntime
import Testing
import Transport

@testable import RouterService

@Suite("Routing options")
struct RoutingOptionsTests {
    static func resolve(_ arguments: [String]) -> RouterConfig? {
        var table = OptionTable(ProcessDescription(name: "router", summary: "A test.", protocolVersion: "1.0"))
        let options = RouterOptions(in: &table)
        guard case .run(let resolved, _) = table.invocation(arguments: arguments, environment: ["HOME": "/"], files: .system) else {
            return nil
        }
        return try? options.config(resolved)
    }

    @Test("without options the settings are the defaults")
    func defaults() throws {
        let config = try #require(Self.resolve([]))
        #expect(config.selection == SelectionSettings() && config.decisionBytes == 8 << 20)
        #expect(config.ring == FeedRing.Bounds(events: 65_536, bytes: 8 << 20))
    }

    @Test("each knob reaches its setting")
    func knobs() throws {
        let config = try #require(
            Self.resolve([
                "--policy", "latency", "--overlap-credit", "0.5", "--overlap-credit-decay", "1", "--prefill-load-scale", "2",
                "--active-request-weight", "3", "--host-cache-weight", "0.1", "--disk-cache-weight", "0.2", "--external-cache-weight",
                "0.3",
                "--temperature", "0.7", "--no-assume-reuse", "--no-track-prefill", "--no-track-active-blocks", "--transfer-weight", "4",
                "--interference-weight", "5", "--held-block-weight", "6", "--eviction-weight", "7", "--decode-load-scale", "8",
                "--decision-memory", "1MiB", "--enforce-disagg", "--ring-events", "100", "--ring-size", "2MiB",
            ]))
        var expected = SelectionSettings()
        expected.policy = .latency
        expected.overlapCredit = 0.5
        expected.overlapCreditDecay = 1
        expected.prefillLoadScale = 2
        expected.activeRequestWeight = 3
        expected.hostWeight = 0.1
        expected.diskWeight = 0.2
        expected.externalWeight = 0.3
        expected.temperature = 0.7
        expected.assumeReuse = false
        expected.trackPrefill = false
        expected.trackActiveBlocks = false
        expected.transferWeight = 4
        expected.interferenceWeight = 5
        expected.heldBlockWeight = 6
        expected.evictionWeight = 7
        expected.decodeLoadScale = 8
        expected.enforcesSplit = true
        #expect(config.selection == expected && config.decisionBytes == 1 << 20)
        #expect(config.ring == FeedRing.Bounds(events: 100, bytes: 2 << 20))
    }

    @Test("the one weight of old sets the scale, and at 0 takes every credit away")
    func overlapWeight() throws {
        let scaled = try #require(Self.resolve(["--overlap-weight", "2"])).selection
        #expect(scaled.prefillLoadScale == 2 && scaled.overlapCredit == 1)
        let none = try #require(Self.resolve(["--overlap-weight", "0"])).selection
        #expect(none.prefillLoadScale == 0 && none.overlapCredit == 0 && none.hostWeight == 0)
        // 1 is what is so without it, and not Dynamo's formula.
        #expect(try #require(Self.resolve(["--overlap-weight", "1"])).selection == SelectionSettings())
    }

    @Test(
        "what means nothing is refused",
        arguments: [["--policy", "best"], ["--temperature", "-1"], ["--host-cache-weight", "1.5"], ["--overlap-credit", "nan"]])
    func refused(_ arguments: [String]) { #expect(Self.resolve(arguments) == nil) }

    @Test("L16: what the documents say of busy ranks, the queue and leases is so without any option")
    func statedDefaults() throws {
        let config = try #require(Self.resolve([])), busy = config.busy, leases = LeaseLimits()
        #expect(busy == BusyThresholds() && config.queue == QueueSettings())
        let limits = try #require(Self.read("proto-spec/07-limits.md")), options = try #require(Self.read("deploy/router-options.md"))
        let percent = Int((busy.activeBlocks * 100).rounded()), queue = config.queue
        let thousands = "\(queue.entries / 1_000),\(String(1_000 + queue.entries % 1_000).dropFirst())"
        for row in [
            "| busy | \(busy.waitingBatches) x max batched tokens of waiting prefill, or \(percent) % of blocks |",
            "| queue | \(thousands) entries of a pool and \(queue.batches) x what its workers compute in one step, 256 MiB over all pools; one request",
            "| queue time | \(queue.longest.components.seconds) s, or less",
            "| aging of the queue | \(queue.aging.components.seconds) s parked | one placement in four",
            "| tenants of a queue | \(QueueLimits.tenants) of a pool with requests parked, weights from 0.001 to 1000 |",
            "| lease not accepted | \(leases.acceptance.components.seconds) s in step with the worker's stream |",
            "| tombstone of a lease | \(leases.tombstone.components.seconds) s |",
        ] { #expect(limits.contains("\n" + row), "\(row)") }
        #expect(QueueLimits.agedTurn == 4 && QueueLimits.weights == 0.001...1_000)
        let approximate = ApproximateLimits()
        for part in [
            "`--busy-batches` | honoured; \(busy.waitingBatches) by default", "`--busy-blocks` | honoured; \(busy.activeBlocks) by default",
            "`--busy-tokens` | honoured; off by default", "fixed at \(approximate.timeToLive.components.seconds) s, for workers",
            "fixed: beyond 2^20 blocks the oldest give way, until \(approximate.keptShare) of them are left",
        ] { #expect(options.contains(part), "\(part)") }
        #expect(busy.waitingTokens == .max && approximate.blocks == 1 << 20)
    }

    @Test("the table of router options names every routing option, and no other")
    func documented() throws {
        var table = OptionTable(ProcessDescription(name: "router", summary: "A test.", protocolVersion: "1.0"))
        _ = RouterOptions(in: &table)
        let names = Set(table.options.filter { $0.group == "Routing" }.map(\.name)), all = Set(table.options.map(\.name))
        let text = try #require(Self.read("deploy/router-options.md"))
        var routing: Set<String> = [], others: Set<String> = []
        // An option of ours is written `--name` in the second column of a row, or in the first of the table of ours alone.
        for line in text.split(separator: "\n") where line.hasPrefix("|") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            guard cells.count > 3 else { continue }
            for word in cells[2].split(separator: "`") where word.hasPrefix("--") {
                let name = String(word.dropFirst(2)).split(separator: " ").first.map(String.init) ?? ""
                let plain = name.hasPrefix("no-") ? String(name.dropFirst(3)) : name
                if names.contains(plain) { routing.insert(plain) } else { others.insert(plain) }
            }
        }
        #expect(routing == names, "missing: \(names.subtracting(routing).sorted())")
        #expect(others.isSubset(of: all), "no such options: \(others.subtracting(all).sorted())")
    }

    /// A file of the repository; tests run in its root or know the way from this file.
    private static func read(_ path: String) -> String? {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        return (try? FileReader.system.read(root + "/" + path, 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
}
