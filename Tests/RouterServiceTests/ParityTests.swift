import ClusterModel
import EventLoop
import Testing
import WireProtocol

@testable import RouterService

@Suite("Parity of hashes")
struct ParityTests {
    private static func check(_ change: (inout ModelCard) -> Void = { _ in }) -> ParityCheck {
        var random = SeededRandom(seed: 1)
        return ParityCheck(of: WorkerScript.card("model", change), random: &random)
    }

    private static func answer(_ check: ParityCheck) -> ParityAnswer { ParityAnswer(lists: check.probe.lists.map(ParityCheck.hashes)) }

    @Test("T40: at least a hundred golden lists, of chats, tools, responses and many scripts, with adapters and salts, within what a probe may hold")
    func golden() {
        let check = Self.check(), lists = check.probe.lists
        #expect((100 + RouterLimits.randomParityLists...Limits.parityLists).contains(lists.count))
        #expect(Set(lists.map(\.blockSize)).isSuperset(of: [1, 4, 16]))
        #expect(lists.count { !$0.loRA.isEmpty } > 20 && lists.count { !$0.salt.isEmpty } > 15)
        #expect(lists.count { list in list.tokens.contains { $0 > 0x7F } } > 20)
        var bytes: [UInt8] = []
        Codec.append(check.probe, to: &bytes)
        #expect(bytes.count < 64 << 10, "\(bytes.count)")
        // Without these abilities neither is asked for.
        let plain = Self.check { $0.capabilities = [] }.probe.lists
        #expect(plain.count >= 100 && plain.allSatisfy { $0.loRA.isEmpty && $0.salt.isEmpty && $0.multimodal.isEmpty })
        #expect(Self.check { $0.blockSize = 1 << 20 }.probe.lists.count >= 100)
    }

    @Test("T40: the golden prompts' hashes are constants")
    func constants() {
        let check = Self.check(), count = check.probe.lists.count - RouterLimits.randomParityLists
        var all: [UInt64] = []
        for list in check.probe.lists.prefix(count) { all += ParityCheck.hashes(list).sequenceHashes }
        var bytes: [UInt8] = []
        for hash in all { for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: hash >> UInt64(shift))) } }
        #expect(SHA256.digest(of: bytes).hex == "2aec50a8cf3e1e8563c7f2240900ee23125c8fc4326b45c5b8e7b31c963adad4")
    }

    @Test("T40: one wrong hash in any list is found and named")
    func anyList() {
        let check = Self.check(), right = Self.answer(check)
        #expect(check.fault(in: right) == nil)
        for list in right.lists.indices where !right.lists[list].blockHashes.isEmpty {
            var wrong = right
            let last = wrong.lists[list].sequenceHashes.count - 1
            wrong.lists[list].sequenceHashes[last] ^= 1 << 63
            #expect(check.fault(in: wrong)?.reason.contains("list \(list), sequence hash of block \(last) (") == true)
            wrong = right
            wrong.lists[list].blockHashes.removeLast()
            #expect(check.fault(in: wrong)?.label == "differ")
        }
        var short = right
        short.lists.removeLast()
        #expect(check.fault(in: short) != nil)
    }

    @Test("T40: a worker that hashes otherwise is refused by cache within a second of its registration, with the list's name; it serves by load")
    func refused() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.worker(1) { $0.hashesWrongly = true }
        world.until("registered") { world.record(1)?.isAttached == true }
        let since = world.world.now
        world.until("told") { world.directory(frontend).workers[1]?.reason.contains("(0 to 15, blocks of 16)") == true }
        #expect(since.duration(to: world.world.now) < .seconds(1))
        world.until("ready") { world.takesWork(1) && world.isInStep(1) }
        world.on(worker) { $0.store([1, 2, 3, 4]) }
        world.until("stored") { world.look { $0.indexedCopies } == 4 }
        #expect(world.plan(frontend).legs[0].deviceBlocks == 0 && world.events(1) == .loadOnly)
        #expect(world.exposition.contains(#"apus_router_parity_faults_total{reason="differ"} 1"#))
    }
}
