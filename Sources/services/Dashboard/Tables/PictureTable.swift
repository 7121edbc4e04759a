import JSONText

/// Rows of one table as the pages see them: JSON text, and the revision with which each became as it is.
///
/// What is written anew is compared with what was there, and a row that did not change is sent to nobody.
struct PictureTable {
    struct Row {
        let json: [UInt8]
        let revision: UInt64
    }

    let name: String
    private(set) var rows: [String: Row] = [:]
    /// Rows that are gone, oldest first.
    private(set) var removals: [(key: String, revision: UInt64)] = []
    /// The last removal that is not remembered any more.
    private(set) var forgottenRemoval: UInt64 = 0
    /// Pages let go of rows themselves, by a rule of their own.
    private let isSilent: Bool
    /// Rows that are written in turn, and whose turn it is.
    private var turn = 0

    init(_ name: String, isSilent: Bool = false) {
        self.name = name
        self.isSilent = isSilent
    }

    var newest: UInt64 { max(rows.values.reduce(0) { max($0, $1.revision) }, removals.last?.revision ?? 0) }

    mutating func set(_ key: String, _ revision: inout UInt64, _ write: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        write(&json)
        let bytes = json.finish()
        if let known = rows[key], known.json == bytes { return }
        revision += 1
        rows[key] = Row(json: bytes, revision: revision)
    }

    mutating func remove(_ key: String, _ revision: inout UInt64) {
        guard rows.removeValue(forKey: key) != nil, !isSilent else { return }
        revision += 1
        removals.append((key, revision))
        if removals.count > DashboardLimits.removals {
            forgottenRemoval = removals[0].revision
            removals.removeFirst()
        }
    }

    /// The rows that there are now: those that are not among them go, and of the others as many are written as a tick has room for, in turn.
    mutating func update<Value>(
        _ entries: [(key: String, value: Value)], _ revision: inout UInt64, _ write: (Value, inout JSONWriter) -> Void
    ) {
        if rows.count > entries.count || entries.contains(where: { rows[$0.key] == nil }) {
            let present = Set(entries.map(\.key))
            for key in rows.keys.filter({ !present.contains($0) }).sorted() { remove(key, &revision) }
        }
        guard !entries.isEmpty else { return }
        for step in 0..<min(entries.count, DashboardLimits.rowsPerTick) {
            let entry = entries[(turn + step) % entries.count]
            set(entry.key, &revision) { write(entry.value, &$0) }
        }
        turn = (turn + min(entries.count, DashboardLimits.rowsPerTick)) % entries.count
    }
}
