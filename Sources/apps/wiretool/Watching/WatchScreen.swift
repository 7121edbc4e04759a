import Glibc

/// The table of a cluster, cut to a screen.
struct WatchScreen {
    /// In characters.
    struct Size: Equatable {
        var columns = 80
        var rows = 24
    }

    let size: Size

    /// Of the terminal that is standard output; one that does not say how large it is has 24 rows of 80.
    static func sizeOfTerminal() -> Size {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else { return Size() }
        return Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
    }

    /// A head, then the three parts below their own heads, none of which crowds out another: as many lines as fit, and none wider.
    /// - Parameter requests: oldest first; the newest are shown.
    func lines(_ head: String, ranks: [String], queues: [String], requests: [String]) -> [String] {
        let frame = [head, "", WatchText.loadHead, "", WatchText.queueHead, "", WatchText.requestHead]
        // Behind the last line is the cursor's.
        let rows = max(0, size.rows - 1), shares = Self.shares(of: [ranks.count, queues.count, requests.count], in: rows - frame.count)
        let lines =
            frame[...2] + Self.first(shares[0], of: ranks) + frame[3...4] + Self.first(shares[1], of: queues) + frame[5...]
            + requests.suffix(shares[2])
        return lines.prefix(rows).map { Self.cut($0, to: size.columns) }
    }

    /// One to each in turn while there is room and somebody wants more.
    private static func shares(of wanted: [Int], in room: Int) -> [Int] {
        var shares = wanted.map { _ in 0 }, room = room
        while room > 0, shares != wanted {
            for index in wanted.indices where room > 0 && shares[index] < wanted[index] {
                shares[index] += 1
                room -= 1
            }
        }
        return shares
    }

    /// With the last of them for how many are not shown.
    private static func first(_ room: Int, of lines: [String]) -> [String] {
        guard lines.count > room, room > 0 else { return Array(lines.prefix(room)) }
        return lines.prefix(room - 1) + ["... \(lines.count - room + 1) more"]
    }

    /// As much of the beginning as surely fits: what is not ASCII may take two columns.
    static func cut(_ text: String, to columns: Int) -> String {
        var room = columns
        let end = text.unicodeScalars.firstIndex { scalar in
            room -= scalar.isASCII ? 1 : 2
            return room < 0
        }
        return end.map { String(text.unicodeScalars[..<$0]) } ?? text
    }
}
