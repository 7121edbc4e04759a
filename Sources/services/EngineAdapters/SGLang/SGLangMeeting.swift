import ClusterModel
import JSONText

/// Where the servers of the two legs of a split request meet to hand over its state: at a port of the prefill server, in a room that its worker
/// drew. It travels to the decode leg as the parameters of a hand-over.
struct SGLangMeeting: Hashable {
    /// As the decode server reaches the prefill server.
    let host: String
    let port: UInt16
    /// Modulo the number of ranks it names the rank of the prefill server.
    let room: UInt64
    let ranks: Int

    /// Rooms have 63 bits; half of them are plenty, and leave room for the step to a rank.
    private static let mostDrawn = UInt64(1) << 62

    /// - Parameter random: any 64 bits, anew for each request.
    init(host: String, port: UInt16, rank: Rank, of ranks: Int, random: UInt64) {
        self.host = host
        self.port = port
        self.ranks = max(1, ranks)
        let count = UInt64(self.ranks)
        // Not 0, which is the room of the server's own warm-up.
        let drawn = random % Self.mostDrawn + count
        room = drawn - drawn % count + UInt64(rank.rawValue) % count
    }

    /// As members of a question to either server.
    func write(to writer: inout JSONWriter, isDecode: Bool) {
        writer.key("bootstrap_host")
        writer.string(host)
        writer.key("bootstrap_port")
        writer.number(UInt64(port))
        writer.key("bootstrap_room")
        writer.number(room)
        guard isDecode, ranks > 1 else { return }
        writer.key("disagg_prefill_dp_rank")
        writer.number(room % UInt64(ranks))
    }

    // MARK: From leg to leg

    var parameters: [UInt8] {
        let value: JSONValue = [
            "bootstrap_host": .string(host), "bootstrap_port": .number(JSONNumber(port)), "bootstrap_room": .number(JSONNumber(room)),
            "dp_size": .number(JSONNumber(ranks)),
        ]
        return value.encoded()
    }

    /// As `parameters` wrote it, elsewhere; it came over the network, and is looked at like all that does.
    init(parameters: [UInt8]) throws(ServerProblem) {
        let value = try AnswerValue(parsing: parameters)
        guard let host = try value["bootstrap_host"].text(), !host.isEmpty else { throw value["bootstrap_host"].problem("is missing") }
        guard let port = try value["bootstrap_port"].port() else { throw value["bootstrap_port"].problem("is missing") }
        guard let room = try value["bootstrap_room"].count(atMost: Int(Self.mostDrawn) + 2 * AnswerLimits.ranks) else {
            throw value["bootstrap_room"].problem("is missing")
        }
        guard let ranks = try value["dp_size"].count(atMost: AnswerLimits.ranks), ranks > 0 else {
            throw value["dp_size"].problem("is missing")
        }
        self.host = host
        self.port = port
        self.room = UInt64(room)
        self.ranks = ranks
    }
}
