import ClusterModel
import Engines
import Testing

@Suite("GGUF files")
struct GGUFFileTests {
    private func problem(_ change: (inout GGUFBuilder) -> Void) -> WeightsError? {
        var builder = GGUFBuilder()
        change(&builder)
        do throws(WeightsError) {
            _ = try GGUFFile(parsing: builder.bytes)
            return nil
        } catch { return error }
    }

    @Test("every type of value is read, arrays of arrays among them, in both versions", arguments: [2, 3] as [UInt32])
    func values(version: UInt32) {
        func little(_ value: some FixedWidthInteger) -> [UInt8] { GGUFBuilder.little(value) }
        #expect(
            problem { builder in
                builder.version = version
                for (type, size) in [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8] {
                    builder.entry("v\(type)", type: UInt32(type), Array(repeating: 1, count: size))
                    builder.entry("a\(type)", type: 9, little(UInt32(type)) + little(UInt64(3)) + Array(repeating: 1, count: 3 * size))
                }
                builder.entry("text", type: 8, GGUFBuilder.text("ä"))
                builder.entry("texts", type: 9, little(UInt32(8)) + little(UInt64(2)) + GGUFBuilder.text("a") + GGUFBuilder.text(""))
                builder.entry("nested", type: 9, little(UInt32(9)) + little(UInt64(1)) + little(UInt32(0)) + little(UInt64(2)) + [1, 2])
            } == nil)
    }

    @Test("what is wrong is told with its field")
    func faults() {
        func little(_ value: some FixedWidthInteger) -> [UInt8] { GGUFBuilder.little(value) }
        func expect(_ field: String, _ problem: WeightsError.Problem, _ change: (inout GGUFBuilder) -> Void) {
            let found = self.problem(change)
            #expect(found?.field == field && found?.problem == problem, "\(found?.description ?? "nothing"), expected \(field)")
        }
        expect("magic", .notGGUF) { $0.magic = Array("GGML".utf8) }
        expect("version", .version(1)) { $0.version = 1 }
        expect("version", .version(0x0300_0000)) { $0.version = 0x0300_0000 }
        expect("tensor count", .aboveLimit(65_536)) { $0.tensorCount = .max }
        expect("metadata count", .aboveLimit(65_536)) { $0.entryCount = 65_537 }
        expect("metadata key 0", .truncated) { $0.entryCount = 1 }
        expect("metadata key 1", .unfit("a name")) {
            $0.entry("k", type: 0, [1])
            $0.entry("", type: 0, [1])
        }
        expect("tensor name 0", .unfit("a name")) { $0.tensor("", [1], offset: 0) }
        expect("k", .unknownType(13)) { $0.entry("k", type: 13, []) }
        expect("k", .notBoolean) { $0.entry("k", type: 7, [2]) }
        expect("k", .notText) { $0.entry("k", type: 8, little(UInt64(1)) + [0xFF]) }
        expect("k", .aboveLimit(1 << 20)) { $0.entry("k", type: 8, little(UInt64.max)) }
        expect("k", .aboveLimit(1 << 24)) { $0.entry("k", type: 9, little(UInt32(0)) + little(UInt64.max)) }
        expect("k", .truncated) { $0.entry("k", type: 9, little(UInt32(12)) + little(UInt64(1 << 24))) }
        expect("k", .aboveLimit(4)) { $0.entry("k", type: 9, (0..<5).flatMap { _ in little(UInt32(9)) + little(UInt64(1)) }) }
        expect("k", .repeated) {
            $0.entry("k", type: 0, [1])
            $0.entry("k", type: 0, [1])
        }
        expect("general.alignment", .unfit("a power of two up to 1048576")) { $0.entry("general.alignment", type: 4, little(UInt32(24))) }
        expect("t", .unfit("a tensor of 1 to 4 dimensions")) { $0.tensor("t", [], offset: 0) }
        expect("t", .unknownType(2)) { $0.tensor("t", [32], type: 2, offset: 0) }
        let countable = WeightsError.Problem.unfit("a tensor of whole blocks that can be counted")
        expect("t", countable) { $0.tensor("t", [0], offset: 0) }
        expect("t", countable) { $0.tensor("t", [1 << 40, 1 << 40], offset: 0) }
        expect("t", countable) { $0.tensor("t", [33], type: 8, offset: 0) }
        expect("t", .outside) { $0.tensor("t", [1 << 60], offset: 0) }
        expect("t", .outside) { $0.tensor("t", [8], offset: .max - 31) }
        expect("t", .misaligned) {
            $0.tensor("t", [1], offset: 4)
            $0.data = Array(repeating: 0, count: 64)
        }
        expect("u", .overlaps("t")) {
            $0.tensor("t", [9], offset: 0)
            $0.tensor("u", [1], offset: 32)
            $0.data = Array(repeating: 0, count: 64)
        }
        expect("t", .repeated) {
            $0.tensor("t", [1], offset: 0)
            $0.tensor("t", [1], offset: 32)
            $0.data = Array(repeating: 0, count: 64)
        }
    }

    @Test("cut anywhere before its end, a file is refused")
    func truncation() throws {
        let bytes = try ReferenceFiles.bytes(ReferenceFiles.micro)
        for end in Array(0..<6_000) + Array(stride(from: 6_000, to: bytes.count, by: 997)) + [bytes.count - 1] {
            #expect(throws: WeightsError.self, "cut at \(end)") { try LlamaModel(try GGUFFile(parsing: Array(bytes[..<end]))) }
        }
    }

    @Test("damaged anywhere in its tables, a file is read or refused, and nothing traps", arguments: [1, 2, 3, 4] as [UInt64])
    func damage(seed: UInt64) throws {
        var random = SeededRandom(seed: seed), refused = 0
        let bytes = try ReferenceFiles.bytes(ReferenceFiles.micro)
        for round in 0..<1_500 {
            var damaged = bytes
            for _ in 0..<1 + random.next() % 3 {
                let place = Int(random.next() % 5_000)
                switch random.next() % 3 {
                case 0: damaged[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: damaged[place] = 0xFF
                default: for index in place..<place + 8 { damaged[index] = index == place + 7 ? 0x7F : 0xFF }
                }
            }
            do throws(WeightsError) {
                let file = try GGUFFile(parsing: damaged)
                // The whole model now and then: it is mostly refused by its tables already.
                if round % 20 == 0 { _ = try LlamaModel(file) }
            } catch {
                refused += 1
                #expect(!error.field.isEmpty)
            }
        }
        #expect(refused > 300)
    }
}
