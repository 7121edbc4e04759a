import ClusterModel
import Testing

@testable import LoadGeneration

@Suite struct TraceReaderTests {
    private func read(_ text: String, as format: TraceFormat? = nil, _ change: (inout TraceOptions) -> Void = { _ in }) throws -> Workload {
        var options = TraceOptions()
        change(&options)
        return try TraceReader(format: format, options: options).read(Array(text.utf8), name: "test")
    }

    private func refusal(_ text: String, as format: TraceFormat? = nil, _ change: (inout TraceOptions) -> Void = { _ in }) -> TraceError? {
        #expect(throws: TraceError.self) { try read(text, as: format, change) }
    }

    // MARK: Formats

    @Test("Azure's dates of both years are read to the digit, from the first request on")
    func azure() throws {
        let of2023 = try read(
            "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-12-31 23:59:59.5000001,374,44\r\n2024-01-01 00:00:01.25,396,109\r\n")
        #expect(of2023.requests.map(\.due) == [.zero, .nanoseconds(1_749_999_900)])
        #expect(of2023.requests.map(\.promptTokens) == [374, 396] && of2023.requests.map(\.outputTokens) == [44, 109])
        #expect(of2023.blockTokens == 0 && of2023.requests.allSatisfy(\.blocks.isEmpty))
        let of2024 = try read(
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-02-28 23:00:00+00:00,1,2\n2024-03-01 02:00:00.000001+02:00,3,4\n")
        #expect(of2024.requests.map(\.due) == [.zero, .seconds(90_000) + .microseconds(1)])
    }

    @Test(
        "dates count the days as the calendar does",
        arguments: [
            ("1970-01-01 00:00:00", 0), ("1972-03-01 00:00:00", 68_256_000), ("2000-02-29T12:00:00Z", 951_825_600),
            ("2023-11-16 18:15:46", 1_700_158_546), ("2100-03-01 00:00:00", 4_107_542_400), ("2024-05-10 00:00:00-01:30", 1_715_304_600),
        ])
    func dates(text: String, seconds: Int64) {
        #expect(DateText.nanoseconds(text.utf8.span.bytes) == seconds * 1_000_000_000)
    }

    @Test(
        "what is no date is none",
        arguments: [
            "", "2023", "2023-13-01 00:00:00", "2023-02-29 00:00:00", "2100-02-29 00:00:00", "2023-01-01 24:00:00", "2023-01-01 00:00:00.",
            "2023-01-01 00:00:00x", "2023-01-01 00:00:00Zx", "2023-01-01 00:00:00+1", "1969-12-31 23:59:59", "9999-01-01 00:00:00",
            "2023-01-01_00:00:00", "1970-01-01 00:00:00+01:00", "2023-1-01 00:00:00",
        ])
    func noDates(text: String) { #expect(DateText.nanoseconds(text.utf8.span.bytes) == nil) }

    @Test("BurstGPT's columns are found by name, sessions where there are any, and failures are left out and counted")
    func burstGPT() throws {
        let early = try read(
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,API log\n"
                + "118,GPT-4,417,276,693,Conversation log\n")
        #expect(early.requests.map(\.due) == [.zero, .seconds(113)])
        #expect(early.requests.map(\.promptTokens) == [472, 417] && early.requests.map(\.outputTokens) == [18, 276])
        #expect(early.source == "test (burstgpt), 1 without prompt or answer left out")
        let late = try read(
            "Log Type,Response tokens,Session ID,Request tokens,Timestamp\nA,3,u-1,2,19440110.5\nA,5,u-2,4,19440111.0\nA,7,u-1,6,19440112.25\nA,9,,8,19440113\n"
        )
        #expect(late.requests.map(\.session) == [0, 1, 0, nil])
        #expect(late.requests.map(\.due) == [.zero, .milliseconds(500), .milliseconds(1_750), .milliseconds(2_500)])
        #expect(late.requests.map(\.promptTokens) == [2, 4, 6, 8])
    }

    @Test("Qwen-Bailian's sessions follow from parents, and a block's name stands for what precedes it")
    func qwen() throws {
        let lines = [
            #"{"chat_id": 7, "parent_chat_id": -1, "timestamp": 0.25, "input_length": 40, "output_length": 5, "type": "text", "turn": 1, "hash_ids": [1, 2, 3]}"#,
            #"{"chat_id": 9, "parent_chat_id": 4, "timestamp": 61.114, "input_length": 32, "output_length": 5, "type": "text", "turn": 2, "hash_ids": [2, 3]}"#,
            #"{"chat_id": 8, "parent_chat_id": 7, "timestamp": 62, "input_length": 40, "output_length": 5, "turn": 2, "hash_ids": [1, 2, 9, 10]}"#,
            #"{"chat_id": 10, "parent_chat_id": 4, "timestamp": 63, "input_length": 3, "output_length": 5, "turn": 2, "hash_ids": []}"#,
            #"{"chat_id": 11, "parent_chat_id": 8, "timestamp": 6.4e1, "input_length": 3, "output_length": 5}"#,
        ]
        let workload = try read(lines.joined(separator: "\n"))
        #expect(workload.blockTokens == 16)
        #expect(workload.requests.map(\.session) == [0, 1, 0, 1, 0])
        #expect(
            workload.requests.map(\.due) == [
                .zero, .milliseconds(60_864), .milliseconds(61_750), .milliseconds(62_750), .milliseconds(63_750),
            ])
        #expect(workload.requests.map(\.blocks.count) == [3, 2, 3, 0, 0])
        #expect(workload.requests[0].blocks.prefix(2) == workload.requests[2].blocks.prefix(2))
        #expect(workload.requests[0].blocks[2] != workload.requests[2].blocks[2])
        #expect(Set(workload.requests[1].blocks).isDisjoint(with: workload.requests[0].blocks))
        #expect(WorkloadStatistics(workload).uniqueBlocks == 6 && WorkloadStatistics(workload).reusableBlocks == 2)
        #expect(WorkloadStatistics(workload).sessions == 2)
    }

    @Test("Mooncake's format takes blocks of another size by request, and lines without ids")
    func mooncake() throws {
        let text =
            #"{"timestamp": 100, "input_length": 33, "output_length": 5, "hash_ids": [4, 5, 6]}"# + "\n"
            + #"{"timestamp": 100.5, "input_length": 33, "output_length": 5}"#
        #expect(refusal(text)?.column == "hash_ids")
        let workload = try read(text) { $0.blockTokens = 16 }
        #expect(workload.requests.map(\.blocks) == [[4, 5, 6], []])
        #expect(workload.requests.map(\.due) == [.zero, .microseconds(500)])
    }

    // MARK: Time

    private static let stamped = [0, 0, 0, 3_000, 3_000, 6_000, 9_000, 9_000, 60_000, 60_000].map {
        #"{"timestamp": \#($0), "input_length": 1, "output_length": 1}"#
    }.joined(separator: "\n")

    @Test("requests of one stamp are spread up to the next one, but not over a silence")
    func spreading() throws {
        let milliseconds = try read(Self.stamped).requests.map { $0.due.inMilliseconds }
        #expect(milliseconds == [0, 1_000, 2_000, 3_000, 4_500, 6_000, 9_000, 12_000, 60_000, 61_500])
        #expect(
            try read(Self.stamped) { $0.spreadsStamps = false }.requests.map { $0.due.inMilliseconds }.prefix(5) == [0, 0, 0, 3_000, 3_000])
    }

    @Test("a window begins the run anew, a count cuts it, and speed divides time")
    func parts() throws {
        let window = try read(Self.stamped) { $0.window = .seconds(3)..<(.seconds(60)) }
        #expect(window.requests.map { $0.due.inMilliseconds } == [0, 1_500, 3_000, 6_000, 9_000])
        let fast = try read(Self.stamped) {
            $0.window = .milliseconds(3_500)..<(.seconds(61))
            $0.requests = 3
            $0.speed = 2
        }
        #expect(fast.requests.map { $0.due.inMilliseconds } == [500, 1_250, 2_750])
        #expect(refusal(Self.stamped) { $0.window = .seconds(100)..<(.seconds(200)) }?.problem == "no request is due in the window")
        for (change, problem) in [
            ({ $0.speed = 0 }, "the speed is not 0.001 to 1000.0"), ({ $0.speed = .nan }, "the speed is not 0.001 to 1000.0"),
            ({ $0.requests = 0 }, "not even one request is asked for"), ({ $0.blockTokens = 0 }, "a block is not 1 to 65536 tokens"),
            ({ $0.window = .seconds(1)..<(.seconds(1)) }, "the window is empty"),
        ] as [((inout TraceOptions) -> Void, String)] { #expect(refusal(Self.stamped, as: nil, change)?.problem == problem) }
    }

    @Test("lines out of order are put in order, those of one stamp as they stand")
    func order() throws {
        let lines = [(5, 1), (3, 2), (5, 3), (3, 4), (4, 5)].map {
            #"{"timestamp": \#($0.0), "input_length": \#($0.1), "output_length": 1}"#
        }
        let workload = try read(lines.joined(separator: "\n")) { $0.spreadsStamps = false }
        #expect(workload.requests.map(\.promptTokens) == [2, 4, 5, 1, 3])
        #expect(workload.requests.map(\.due) == [.zero, .zero, .milliseconds(1), .milliseconds(2), .milliseconds(2)])
    }

    // MARK: Refusals

    @Test("a byte order mark, CR LF and blank lines at the end are tolerated, a blank line elsewhere is not")
    func whiteSpace() throws {
        #expect(try read("\u{FEFF}TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-01-01 00:00:00,1,1\r\n\r\n\n").requests.count == 1)
        let refused = refusal("TIMESTAMP,ContextTokens,GeneratedTokens\r\n\r\n2023-01-01 00:00:00,1,1\n")
        #expect(refused?.description == "line 2: is blank, and is not the last")
    }

    @Test(
        "what is no such trace is refused by line and column",
        arguments: [
            ("", nil, nil), ("\n\n", nil, nil), ("hello", 1, nil), ("{}", 1, nil), ("[1]", 1, nil),
            (#"{"timestamp": 1, "input_length": 1, "output_length": 1}"# + "\n{", 2, nil),
            (#"{"timestamp": 1, "input_length": 1, "output_length": 1}"# + "\n[]", 2, nil),
            (#"{"timestamp": -1, "input_length": 1, "output_length": 1}"#, 1, "timestamp"),
            (#"{"timestamp": "1", "input_length": 1, "output_length": 1}"#, 1, "timestamp"),
            (#"{"timestamp": 1e40, "input_length": 1, "output_length": 1}"#, 1, "timestamp"),
            (#"{"timestamp": 99999999999999999999, "input_length": 1, "output_length": 1}"#, 1, "timestamp"),
            (#"{"timestamp": 9223372036854775807.99, "input_length": 1, "output_length": 1}"#, 1, "timestamp"),
            (#"{"timestamp": 1, "input_length": 1.5, "output_length": 1}"#, 1, "input_length"),
            (#"{"timestamp": 1, "input_length": 99999999, "output_length": 1}"#, 1, "input_length"),
            (#"{"timestamp": 1, "input_length": 1}"#, 1, "output_length"),
            (#"{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": 3}"#, 1, "hash_ids"),
            (#"{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": [-3]}"#, 1, "hash_ids[0]"),
            (#"{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": [1, 2]}"#, 1, "hash_ids"),
            (#"{"chat_id": -2, "timestamp": 1, "input_length": 1, "output_length": 1}"#, 1, "chat_id"),
            (#"{"chat_id": 2, "parent_chat_id": 2, "timestamp": 1, "input_length": 1, "output_length": 1}"#, 1, "parent_chat_id"),
            (#"{"chat_id": 2, "parent_chat_id": -3, "timestamp": 1, "input_length": 1, "output_length": 1}"#, 1, "parent_chat_id"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens", nil, nil), ("TIMESTAMP,ContextTokens,GeneratedTokens\nx,1,1", 2, "TIMESTAMP"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-01-01 00:00:00,-1,1", 2, "ContextTokens"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-01-01 00:00:00,1,", 2, "GeneratedTokens"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-01-01 00:00:00,1", 2, nil),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-01-01 00:00:00,1,1,1", 2, nil),
            ("TIMESTAMP,ContextTokens,GeneratedTokens,TIMESTAMP\n2023-01-01 00:00:00,1,1,1", 1, "TIMESTAMP"),
            ("Timestamp,Request tokens,Response tokens\n1.2.3,1,1", 2, "Timestamp"),
            ("Timestamp,Request tokens,Response tokens\n.5,1,1", 2, "Timestamp"),
            ("Timestamp,Request tokens,Response tokens\n1,1,99999999999999999999", 2, "Response tokens"),
            ("Timestamp,Request tokens,Response tokens\n1,0,1", nil, nil),
        ] as [(String, Int?, String?)])
    func refusals(text: String, line: Int?, column: String?) {
        let refused = refusal(text)
        #expect(refused?.line == line && refused?.column == column, "\(String(describing: refused))")
    }

    @Test("a format that was told is believed, and the first line is held to it")
    func told() throws {
        let text = #"{"chat_id": 1, "timestamp": 60, "input_length": 1, "output_length": 1}"#
        #expect(try read(text).source == "test (qwen)")
        #expect(try read(text, as: .mooncake).source == "test (mooncake)")
        #expect(refusal(text, as: .azure)?.description == "line 1, TIMESTAMP: there is no such column")
    }

    @Test("damaged traces are read or refused, and never trap")
    func damage() {
        var random = SeededRandom(seed: 77)
        let samples = [
            Self.stamped, "Timestamp,Session ID,Request tokens,Response tokens\n1.5,a,10,20\n2,b,3,4\n",
            "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-12-31 23:59:59.5000001,374,44\r\n2024-01-01 00:00:01.25+00:00,396,109\r\n",
            #"{"chat_id": 9, "parent_chat_id": 4, "timestamp": 61.114, "input_length": 32, "output_length": 5, "hash_ids": [2, 3]}"#,
        ].map { Array($0.utf8) }
        let letters = Array("0123456789-+.,eE:{}[]\" \r\n\u{0}Z".utf8)
        for round in 0..<4_000 {
            var bytes = samples[round % samples.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = letters.randomElement(using: &random) ?? 0
                case 1: bytes.insert(letters.randomElement(using: &random) ?? 0, at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + 4))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            for format in [nil] + TraceFormat.allCases.map(Optional.some) {
                guard let workload = try? TraceReader(format: format).read(bytes, name: "damaged") else { continue }
                #expect(!workload.requests.isEmpty && workload.requests.allSatisfy { $0.due >= .zero })
            }
        }
    }
}
