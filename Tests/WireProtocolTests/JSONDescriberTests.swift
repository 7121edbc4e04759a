import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("JSON of messages")
struct JSONDescriberTests {
    private func json<R: WireRecord>(_ record: R) -> String { String(decoding: JSONDescriber.describe(record), as: UTF8.self) }

    @Test("fields stand in order, integers are exact, choices go by name, texts are escaped")
    func plain() {
        var goodbye = Goodbye(.draining, detail: "a \"b\"\n\\ ä")
        #expect(json(goodbye) == #"{"reason":"draining","detail":"a \"b\"\u000a\\ ä"}"#)
        goodbye.detail = ""
        #expect(json(goodbye) == #"{"reason":"draining","detail":""}"#)
        #expect(
            json(SessionOpened(bindCounter: .max, rank: 1, ttlSeconds: 2))
                == #"{"bindCounter":18446744073709551615,"rank":1,"ttlSeconds":2}"#)
        #expect(json(GoodbyeAck()) == "{}")
    }

    @Test("an absent option is null, a number in an option stands alone, a record is an object")
    func options() {
        #expect(json(Pin(leg: .prefill, workerID: 3, rank: nil)) == #"{"leg":"prefill","workerID":3,"rank":null}"#)
        #expect(json(Pin(leg: .decode, workerID: 3, rank: 4)) == #"{"leg":"decode","workerID":3,"rank":4}"#)
        var frame = TokenFrame()
        frame.tokens = [8, 9]
        frame.finish = .length
        frame.logprobs = [TokenLogprob(chosen: -0.5, top: []), TokenLogprob(chosen: 0.1, top: [TopLogprob(token: 8, logprob: -1)])]
        #expect(
            json(frame)
                == #"{"counter":0,"firstPosition":0,"choice":0,"attempt":0,"leg":"aggregated","tokenCount":2,"flags":3,"finish":"length","#
                + #""tokens":[8,9],"logprobs":[{"chosen":-0.5,"topCount":0,"top":[]},{"chosen":0.1,"topCount":1,"top":[{"token":8,"logprob":-1.0}]}]}"#
        )
    }

    @Test("variants go by the name of their record, unknown ones by their tag")
    func variants() {
        let removed = BlocksRemoved(rank: 1, tier: .host, hashes: [1, .max])
        let events = WorkerEvents(events: [
            .blocksRemoved(removed), .unknown(tag: 250, bytes: [0xAB, 1]), .rankCleared(RankCleared(rank: 2)),
        ])
        #expect(
            json(events) == #"{"events":[{"type":"BlocksRemoved","value":{"rank":1,"tier":"host","hashes":[1,18446744073709551615]}},"#
                + #"{"type":250,"bytes":"ab01"},{"type":"RankCleared","value":{"rank":2}}]}"#)
    }
}
