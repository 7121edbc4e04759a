import ClusterModel
import Testing

@testable import LoadGeneration

@Suite("Files of recordings")
struct RecordFileTests {
    @Test("what is written is read: the fleet, requests by arrival, and what was missed")
    func roundTrip() throws {
        let record = try Record(Samples.file)
        #expect(record.fleet == Samples.fleet)
        #expect(record.requests == Samples.requests)
        #expect(record.summary == Samples.summary && !record.isCut)
        #expect(record.busiestModel == 0)
    }

    @Test("a file is read in pieces of any size")
    func pieces() throws {
        let whole = try Record(Samples.file)
        for size in [1, 2, 3, 7, 64, 1000] {
            var reader = RecordReader(), start = 0
            while start < Samples.file.count {
                let end = min(start + size, Samples.file.count)
                try reader.read(Array(Samples.file[start..<end]).span.bytes)
                start = end
            }
            #expect(try reader.finish() == whole, "pieces of \(size)")
        }
    }

    @Test("a file cut at any byte is a shorter record that says so, or an error")
    func cuts() throws {
        let file = Samples.file, whole = try Record(file), lineEnds = file.indices.filter { file[$0] == UInt8(ascii: "\n") }
        for length in 0..<file.count {
            let lines = lineEnds.count { $0 < length }
            do throws(RecordFault) {
                let record = try Record(Array(file[..<length]))
                #expect(lines > 0 && record.summary == nil)
                #expect(record.isCut == (file[length - 1] != UInt8(ascii: "\n")))
                #expect(record.requests.allSatisfy { whole.requests.contains($0) } && record.requests.count <= whole.requests.count)
                #expect(record.fleet.workers.count <= whole.fleet.workers.count)
            } catch {
                #expect(lines == 0, "a whole line is enough: \(error)")
                #expect(error == RecordFault(line: 0, member: "", problem: "the file holds no whole line: it is no record"))
            }
        }
    }

    @Test("damage at any byte is an error with its line, or another record; never a trap")
    func damage() {
        var random = SeededRandom(seed: 11), errors = 0
        for _ in 0..<4000 {
            var file = Samples.file
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                file[Int.random(in: 0..<file.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do throws(RecordFault) { _ = try Record(file) } catch {
                errors += 1
                #expect(error.line <= Samples.lines.count + 3 && !error.problem.isEmpty)
            }
        }
        #expect(errors > 2000)
    }

    /// Which line is changed, what is put in place of what, and what is said of it.
    struct Fault: Sendable, CustomTestStringConvertible {
        let line: Int
        let old: String
        let new: String
        let member: String
        let problem: String

        init(_ line: Int, _ old: String, _ new: String, _ member: String, _ problem: String) {
            self.line = line
            self.old = old
            self.new = new
            self.member = member
            self.problem = problem
        }

        var testDescription: String { "line \(line): \(new)" }
    }

    static let faults: [Fault] = [
        Fault(1, "apus-record", "apus-recorder", "format", "'apus-record' is expected"),
        Fault(1, "\"version\":1", "\"version\":2", "version", "version 1 is expected, and not 2"),
        Fault(1, "\"routers\":2", "\"routers\":17", "routers", "no more than 16 are expected"),
        Fault(1, "\"routers\":2", "\"routers\":2,\"more\":1", "more", "this version knows no such member here"),
        Fault(2, "\"model\":0", "\"model\":1", "model", "0 is the next one"),
        Fault(2, "\"block_tokens\":16", "\"block_tokens\":0", "block_tokens", "a block has tokens"),
        Fault(2, "\"block_tokens\":16", "\"block_tokens\":4294967296", "block_tokens", "a whole number from 0 to 4294967295 is expected"),
        Fault(2, "\"block_tokens\":16", "\"block_tokens\":-1", "block_tokens", "a whole number from 0 to 4294967295 is expected"),
        Fault(2, "\"block_tokens\":16", "\"block_tokens\":1.5", "block_tokens", "a whole number from 0 to 4294967295 is expected"),
        Fault(2, "\"llama\"", "17", "name", "text is expected"),
        Fault(2, "\"llama\"", "\"\(String(repeating: "l", count: 257))\"", "name", "it has more than 256 bytes"),
        Fault(2, "\"type\":\"model\"", "\"type\":\"lodel\"", "type", "one of model, worker, left, request, end is expected"),
        Fault(2, "\"context_tokens\"", "\"tokens\"", "tokens", "this version knows no such member here"),
        Fault(3, "\"type\":\"model\",", "", "type", "it is missing"),
        Fault(4, "\"model\":0", "\"model\":2", "model", "no model 2 was told of before"),
        Fault(4, "\"worker\":0", "\"worker\":1", "worker", "0 is the next one"),
        Fault(4, "\"prefill\"", "\"both\"", "role", "one of aggregated, prefill, decode is expected"),
        Fault(4, "\"host_blocks\":20", "\"host_blocks\":\"20\"", "ranks[0].host_blocks", "a whole number from 0 to 4294967295 is expected"),
        Fault(4, "\"max_sequences\":1,", "", "ranks[1].max_sequences", "it is missing"),
        Fault(4, "\"blocks\":7", "\"blocks\":7,\"color\":7", "ranks[1].color", "this version knows no such member here"),
        Fault(4, "\"at_us\":0", "\"at_us\":99999999999999", "at_us", "a year of microseconds at most is expected"),
        Fault(5, "\"ranks\":[]", "\"ranks\":{}", "ranks", "a list is expected"),
        Fault(5, "\"ranks\":[]", "\"ranks\":[1]", "ranks[0]", "an object is expected"),
        Fault(6, "\"router\":1", "\"router\":2", "router", "no router 2 was told of before"),
        Fault(6, "\"cached_tokens\":16,\"attempts\"", "\"cached_tokens\":41,\"attempts\"", "cached_tokens", "the prompt has fewer tokens"),
        Fault(6, "\"attempts\":2", "\"attempts\":256", "attempts", "a whole number from 0 to 255 is expected"),
        Fault(6, "\"worker\":1", "\"worker\":2", "legs[2].worker", "no worker 2 was told of before"),
        Fault(6, "\"end\":\"handed_over\"", "\"end\":\"handed\"", "legs[1].end", "one of finished, handed_over"),
        Fault(6, "0123456789abcdef", "0123456789abcde", "hashes", "sixteen digits a hash are expected"),
        Fault(6, "0123456789abcdef", "0123456789abcdeg", "hashes", "hexadecimal digits are expected"),
        Fault(6, "0123456789abcdef", "0123456789abcdef0123456789abcdef", "hashes", "the prompt has no more than 2 full blocks"),
        Fault(6, "\"policy\":\"kv\"", "\"policy\":\"\(String(repeating: "k", count: 65))\"", "policy", "it has more than 64 bytes"),
        Fault(6, "\"prompt_tokens\":40", "\"prompt_tokens\":40,\"prompt_tokens\":41", "prompt_tokens", "twice"),
        Fault(6, "{\"type\"", "[{\"type\"", "", ""),
        Fault(7, "\"worker\":1", "\"worker\":7", "worker", "no worker 7 was told of before"),
        Fault(
            8, "{\"type\":\"worker\"", "{\"type\":\"left\",\"worker\":1,\"at_us\":1}\n{\"type\":\"worker\"", "worker",
            "worker 1 has left before"),
        Fault(11, "\"cause\":\"time\"", "\"cause\":\"boredom\"", "cause", "one of time, count, limit, signal is expected"),
        Fault(11, "\"requests\":3", "\"requests\":4", "requests", "the file has 3: lines are missing"),
        Fault(11, "\"gaps\":9", "\"gasp\":9", "missed.gasp", "this version knows no such member here"),
        Fault(11, "\"gaps\":9,", "", "missed.gaps", "it is missing"),
    ]

    @Test("what is wrong with a line is said by its number and member", arguments: faults)
    func isNamed(_ fault: Fault) throws {
        let file = Samples.file(line: fault.line) { line in
            #expect(line.contains(fault.old))
            guard let place = line.range(of: fault.old) else { return line }
            return line.replacingCharacters(in: place, with: fault.new)
        }
        do throws(RecordFault) {
            _ = try Record(file)
            Issue.record("it was read")
        } catch {
            #expect(error.line == fault.line && error.member == fault.member, "\(error)")
            #expect(error.problem.contains(fault.problem), "\(error)")
            #expect(error.description.hasPrefix("line \(fault.line): "))
        }
    }

    @Test("nothing stands behind the last line")
    func behindTheEnd() {
        let file = Samples.file(line: 11) { $0 + "\n" + Samples.lines[2] }
        #expect(throws: RecordFault(line: 12, member: "", problem: "there is a line behind the last one")) { try Record(file) }
    }

    @Test("a line without an end is refused before it is kept")
    func endless() {
        var reader = RecordReader()
        let piece = [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20)
        #expect(throws: RecordFault.self) {
            for _ in 0..<4 { try reader.read(piece.span.bytes) }
        }
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8), own = Array(utf8)
        guard own.count >= wanted.count else { return nil }
        for start in 0...(own.count - wanted.count) where own[start..<(start + wanted.count)].elementsEqual(wanted) {
            return utf8.index(utf8.startIndex, offsetBy: start)..<utf8.index(utf8.startIndex, offsetBy: start + wanted.count)
        }
        return nil
    }

    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
