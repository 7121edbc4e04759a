import ClusterModel
import HTTPServing
import OpenAIDialect

extension RoutingHints {
    /// Where a proxy before us wants the request to run. Headers come before the body's own words, since who writes them stands between.
    /// Returns the first of them that says so.
    mutating func takePlaces(from request: HTTPRequest) throws(DialectError) -> StaticString? {
        var names: [StaticString] = []
        if let worker = try request.worker("x-worker-instance-id") {
            backendInstance = worker
            decodeWorker = worker
            names.append("x-worker-instance-id")
        }
        if let worker = try request.worker("x-prefill-instance-id") {
            prefillWorker = worker
            names.append("x-prefill-instance-id")
        }
        // The newer name comes last, and counts.
        for name in ["x-dp-rank", "x-data-parallel-rank"] as [StaticString] {
            guard let given = try request.rank(name) else { continue }
            rank = given
            names.append(name)
        }
        // The largest number stands for no rank at all where these headers come from.
        if let rank = try request.rank("x-prefill-dp-rank"), rank.rawValue != .max {
            prefillRank = rank
            names.append("x-prefill-dp-rank")
        }
        return names.first
    }
}

extension HTTPRequest {
    private static let placeHeaders: [StaticString] = [
        "x-worker-instance-id", "x-prefill-instance-id", "x-data-parallel-rank", "x-dp-rank", "x-prefill-dp-rank",
    ]

    /// For an endpoint whose requests run wherever there is room: to run elsewhere than asked in silence would mislead.
    func refusePlaces() throws(DialectError) {
        for name in Self.placeHeaders where headers[name] != nil {
            throw DialectError(
                message: "Unsupported header '\(name)': it is not supported here.", param: name.description, code: "unsupported_parameter")
        }
    }

    /// A number, or sixteen hexadecimal digits with a letter among them.
    fileprivate func worker(_ name: StaticString) throws(DialectError) -> WorkerID? {
        guard let value = headers[name] else { return nil }
        if let number = Self.number(value) { return WorkerID(number) }
        if let word = Hexadecimal.word(value) { return WorkerID(word) }
        throw Self.bad(name, "an integer of 64 bits without sign, or sixteen hexadecimal digits")
    }

    fileprivate func rank(_ name: StaticString) throws(DialectError) -> Rank? {
        guard let value = headers[name] else { return nil }
        guard let number = Self.number(value), let rank = UInt32(exactly: number) else {
            throw Self.bad(name, "an integer of 32 bits without sign")
        }
        return Rank(rank)
    }

    /// Digits alone: what else numbers are read from here is no number to others.
    private static func number(_ text: String) -> UInt64? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt64(text) : nil
    }

    private static func bad(_ name: StaticString, _ expected: String) -> DialectError {
        DialectError(message: "Invalid header '\(name)': expected \(expected).", param: name.description, code: "invalid_value")
    }
}
