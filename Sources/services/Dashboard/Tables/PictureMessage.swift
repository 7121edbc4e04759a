import JSONText

/// What a page is told in one event: rows that changed since it was last told, oldest change first, as many as an event may hold.
///
/// Rows are ordered by their revisions, so that a page that lags gets each row once, as it is now, however often it changed: nothing is queued for it.
struct PictureMessage {
    let json: [UInt8]
    /// What the page has seen with it.
    let seen: UInt64
    let isComplete: Bool

    fileprivate struct Item {
        let table: Int
        let key: String
        /// Nil: the row is gone.
        let json: [UInt8]?
        let revision: UInt64
    }

    /// Nil if there is nothing to tell.
    /// - Parameters:
    ///   - since: what the page has seen; 0: nothing.
    ///   - milliseconds: the wall clock of whoever tells.
    init?(_ tables: [PictureTable], since: UInt64, atMilliseconds milliseconds: Int64, mostBytes: Int = DashboardLimits.bytesPerTick) {
        // Removals that it has not heard of are forgotten: it begins anew.
        let isFresh = since == 0 || tables.contains { since < $0.forgottenRemoval }
        let since = isFresh ? 0 : since
        var items: [Item] = []
        for (place, table) in tables.enumerated() {
            // Order: they are sorted below.
            for (key, row) in table.rows where row.revision > since {
                items.append(Item(table: place, key: key, json: row.json, revision: row.revision))
            }
            guard !isFresh else { continue }
            for gone in table.removals where gone.revision > since {
                items.append(Item(table: place, key: gone.key, json: nil, revision: gone.revision))
            }
        }
        guard isFresh || !items.isEmpty else { return nil }
        items.sort { $0.revision < $1.revision }
        var bytes = 0, taken = 0
        while taken < items.count, taken == 0 || bytes + items[taken].size <= mostBytes {
            bytes += items[taken].size
            taken += 1
        }
        isComplete = taken == items.count
        seen = taken > 0 ? items[taken - 1].revision : since
        var json = JSONWriter()
        json.beginObject()
        json.key("at")
        json.number(milliseconds)
        json.key("first")
        json.bool(isFresh)
        json.key("complete")
        json.bool(isComplete)
        for (place, table) in tables.enumerated() {
            let own = items[..<taken].filter { $0.table == place }
            guard !own.isEmpty else { continue }
            json.key(table.name)
            json.beginObject()
            for item in own {
                json.key(item.key)
                if let row = item.json { json.raw(row.span.bytes) } else { json.null() }
            }
            json.endObject()
        }
        json.endObject()
        self.json = json.finish()
    }
}

extension PictureMessage.Item {
    fileprivate var size: Int { key.utf8.count + (json?.count ?? 4) + 4 }
}
