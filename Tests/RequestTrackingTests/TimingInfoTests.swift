import ClusterModel
import JSONText
import RequestTracking
import Testing

@Suite("The member timing, and what else clients are told")
struct TimingInfoTests {
    /// The optional members in their order, each with a value and its text, told here and nowhere else.
    private static let members: [(name: String, text: String, set: @Sendable (inout TimingInfo) -> Void)] = [
        ("prefill_wait_time_ms", "0.73", { $0.prefillWait = 0.73 }),
        ("prefill_time_ms", "12.2", { $0.prefill = 12.2 }),
        ("ttft_ms", "12.93", { $0.timeToFirstToken = 12.93 }),
        ("total_time_ms", "39.7", { $0.total = 39.7 }),
        ("kv_hit_rate", "0.0", { $0.hitRate = 0 }),
        ("router_queue_depth", "0", { $0.routerQueueDepth = 0 }),
        ("kv_transfer_estimated_latency_ms", "5.0", { $0.kvTransferEstimate = 5 }),
    ]

    @Test("every combination of members is written in their order, absent ones not at all", arguments: 0..<128)
    func combinations(present: Int) throws {
        var info = TimingInfo(requestReceived: 1_700_000_000_123), expected = #"{"request_received_ms":1700000000123"#
        for (place, member) in Self.members.enumerated() where present & 1 << place != 0 {
            member.set(&info)
            expected += ",\"\(member.name)\":\(member.text)"
        }
        expected += "}"
        #expect(String(decoding: info.json, as: UTF8.self) == expected)
        let read = try JSONValue(parsing: info.json)
        #expect(read.asObject?.count == 1 + present.nonzeroBitCount)
    }

    @Test("a tracker's recordings come out under the names that clients know")
    func fromTracker() {
        let tracker = tracker {
            $0.recordPrefillStart(at: at(2))
            $0.recordFirstToken(of: .prefill, at: at(12))
            $0.recordPrefillComplete(at: at(12))
            $0.recordFirstToken(of: .decode, at: at(15))
            $0.recordHit(overlapBlocks: 1, promptBlocks: 4)
            $0.recordQueueDepth(6)
            $0.recordFinish(at: at(40))
        }
        #expect(
            String(decoding: tracker.timing.json, as: UTF8.self)
                == #"{"request_received_ms":1700000000123,"prefill_wait_time_ms":2.0,"prefill_time_ms":10.0,"ttft_ms":12.0,"#
                + #""total_time_ms":40.0,"kv_hit_rate":0.25,"router_queue_depth":6,"kv_transfer_estimated_latency_ms":3.0}"#)
    }

    @Test("a number that is none is not written as one")
    func notANumber() throws {
        let info = TimingInfo(requestReceived: 1, hitRate: .nan)
        #expect(try JSONValue(parsing: info.json)["kv_hit_rate"]?.isNull == true)
    }

    @Test("workers are told with the four names, and only what is known", arguments: 0..<16)
    func workers(present: Int) {
        var info = WorkerInfo(), expected: [String] = []
        if present & 1 != 0 { info.prefillWorker = WorkerID(.max); expected.append(#""prefill_worker_id":18446744073709551615"#) }
        if present & 2 != 0 { info.prefillRank = Rank(0); expected.append(#""prefill_dp_rank":0"#) }
        if present & 4 != 0 { info.decodeWorker = WorkerID(7); expected.append(#""decode_worker_id":7"#) }
        if present & 8 != 0 { info.decodeRank = Rank(1); expected.append(#""decode_dp_rank":1"#) }
        #expect(String(decoding: info.json, as: UTF8.self) == "{\(expected.joined(separator: ","))}")
    }
}
