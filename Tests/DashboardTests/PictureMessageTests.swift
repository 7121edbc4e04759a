import JSONText
import Testing

@testable import Dashboard

@Suite("What pages are told of tables")
struct PictureMessageTests {
    private var table = PictureTable("t")
    private var revision: UInt64 = 0

    private mutating func set(_ key: String, _ value: Int) { table.set(key, &revision) { $0.number(value) } }

    private func message(since: UInt64, mostBytes: Int = 10_000) throws -> (json: JSONValue, message: PictureMessage)? {
        guard let message = PictureMessage([table], since: since, atMilliseconds: 5, mostBytes: mostBytes) else { return nil }
        return (try JSONValue(parsing: message.json), message)
    }

    @Test("the first message is the whole picture, the next ones what changed, and no change is no message")
    mutating func differences() throws {
        set("a", 1)
        set("b", 2)
        let first = try #require(try message(since: 0))
        #expect(first.json["first"]?.asBool == true && first.json["t"]?["a"]?.asInt == 1 && first.json["t"]?["b"]?.asInt == 2)
        #expect(try message(since: first.message.seen) == nil)
        set("a", 1)
        #expect(try message(since: first.message.seen) == nil, "a row that is written as it was has not changed")
        set("b", 3)
        table.remove("a", &revision)
        let second = try #require(try message(since: first.message.seen))
        #expect(second.json["first"]?.asBool == false && second.json["t"]?["b"]?.asInt == 3 && second.json["t"]?["a"]?.isNull == true)
    }

    @Test("a page that lags gets each row once, as it is now")
    mutating func lagging() throws {
        set("a", 0)
        let seen = try #require(try message(since: 0)).message.seen
        for value in 1...50 { set("a", value) }
        let late = try #require(try message(since: seen))
        #expect(late.json["t"]?["a"]?.asInt == 50 && late.json["t"]?.asObject.map { Array($0.names) } == ["a"])
    }

    @Test(
        "a message is as long as it may be, and those that follow hold the rest; no row is left out or told twice", arguments: [1, 40, 300])
    mutating func parts(mostBytes: Int) throws {
        for key in 0..<200 { set("row \(key)", key) }
        var seen: UInt64 = 0, told: [String: Int] = [:], parts = 0
        while parts < 1_000, let part = try message(since: seen, mostBytes: mostBytes) {
            parts += 1
            #expect(part.json["first"]?.asBool == (parts == 1))
            for (key, row) in part.json["t"]?.asObject.map({ rows in rows.names.map { ($0, rows[$0]) } }) ?? [] {
                #expect(told.updateValue(row?.asInt ?? -1, forKey: key) == nil)
            }
            seen = part.message.seen
            if part.message.isComplete { break }
            #expect(part.message.json.count < mostBytes + 200)
        }
        #expect(told.count == 200 && told.allSatisfy { $0.key == "row \($0.value)" })
    }

    @Test("a page that missed removals that nobody remembers is told everything anew")
    mutating func forgotten() throws {
        set("stays", 1)
        let seen = try #require(try message(since: 0)).message.seen
        for key in 0..<DashboardLimits.removals + 5 {
            set("\(key)", key)
            table.remove("\(key)", &revision)
        }
        #expect(table.removals.count == DashboardLimits.removals)
        let late = try #require(try message(since: seen))
        #expect(late.json["first"]?.asBool == true && late.json["t"]?.asObject.map { Array($0.names) } == ["stays"])
    }

    @Test("rows are written in turn, as many as a tick has room for; those that are gone go at once")
    mutating func turns() {
        let entries = (0..<3 * DashboardLimits.rowsPerTick).map { (key: "\($0)", value: $0) }
        var written: [Int: Int] = [:]
        for tick in 1...3 {
            table.update(entries, &revision) { value, json in
                written[value, default: 0] += 1
                json.number(value)
            }
            #expect(written.count == tick * DashboardLimits.rowsPerTick)
        }
        #expect(written.values.allSatisfy { $0 == 1 } && table.rows.count == entries.count)
        table.update(Array(entries.prefix(1)), &revision) { value, json in json.number(value) }
        #expect(table.rows.keys.sorted() == ["0"] && table.removals.count == entries.count - 1)
    }
}
