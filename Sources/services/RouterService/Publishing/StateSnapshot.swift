import WireProtocol

/// A router's whole state as it was after one number of its stream, cut into pages.
///
/// All pages are of one moment, so the rest is kept until it was read; askers who come before anything changed share it.
final class StateSnapshot: Sendable {
    let sequence: UInt64
    private let pages: [SnapshotPage]

    init(_ entries: [SnapshotEntry], generation: UInt64, sequence: UInt64) {
        self.sequence = sequence
        var pages: [SnapshotPage] = [], writer = WireWriter()
        var first = 0, bytes = 0
        func cut(before end: Int) {
            var page = SnapshotPage()
            page.generation = generation
            page.sequence = sequence
            // The key of an entry is its place.
            page.fromHash = UInt64(first)
            page.throughHash = end == entries.count ? .max : UInt64(end - 1)
            page.entries = Array(entries[first..<end])
            if end < entries.count { page.next = SnapshotCursor(section: 0, fromHash: UInt64(end)) }
            pages.append(page)
            first = end
            bytes = 0
        }
        for (index, entry) in entries.enumerated() {
            writer.bytes.removeAll(keepingCapacity: true)
            var entry = entry
            do throws(WireError) { try writer.append(&entry) } catch { preconditionFailure("writing an entry failed: \(error)") }
            let length = writer.bytes.count + 5
            if index > first, bytes + length > RouterLimits.snapshotPageBytes || index - first == Limits.snapshotEntries {
                cut(before: index)
            }
            bytes += length
        }
        cut(before: entries.count)
        self.pages = pages
    }

    /// The page that begins with this key; nil if none does.
    func page(from key: UInt64) -> SnapshotPage? {
        var low = 0, high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if pages[middle].fromHash < key { low = middle + 1 } else { high = middle }
        }
        return low < pages.count && pages[low].fromHash == key ? pages[low] : nil
    }
}
