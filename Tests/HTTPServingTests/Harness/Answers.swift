/// Answers as a careful client reads them from all that it got.
struct Answers {
    struct Answer: Equatable {
        var status: Int
        var fields: [String: String]
        var body: String
    }

    private(set) var all: [Answer] = []
    /// What is no whole answer.
    private(set) var rest: Substring

    /// - Parameter heads: places of answers to HEAD, which have no body.
    init(_ text: String, heads: Set<Int> = []) {
        rest = text[...]
        while let answer = next(isHead: heads.contains(all.count)) { all.append(answer) }
    }

    var statuses: [Int] { all.map(\.status) }
    var bodies: [String] { all.map(\.body) }

    private mutating func next(isHead: Bool) -> Answer? {
        // Swift takes CR LF for one character.
        guard let end = rest.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = rest[..<end.lowerBound].split(separator: "\r\n")
        guard let code = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let halves = line.split(separator: ":", maxSplits: 1)
            fields[halves[0].lowercased()] = halves.count > 1 ? String(halves[1].drop { $0 == " " }) : ""
        }
        var after = rest[end.upperBound...], body = ""
        if isHead || code == 204 || code == 304 || code < 200 {
        } else if fields["transfer-encoding"] == "chunked" {
            while true {
                guard let lineEnd = after.firstRange(of: "\r\n"), let size = Int(after[..<lineEnd.lowerBound], radix: 16) else {
                    return nil
                }
                let utf8 = after[lineEnd.upperBound...].utf8
                guard utf8.count >= size + 2 else { return nil }
                body += String(utf8.prefix(size)) ?? "?"
                after = Substring(utf8.dropFirst(size + 2))
                if size == 0 { break }
            }
        } else if let length = fields["content-length"].flatMap({ Int($0) }) {
            guard after.utf8.count >= length else { return nil }
            body = String(after.utf8.prefix(length)) ?? "?"
            after = Substring(after.utf8.dropFirst(length))
        } else {
            body = String(after)
            after = ""
        }
        rest = after
        return Answer(status: code, fields: fields, body: body)
    }
}

func get(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }

func post(_ path: String, _ body: String, _ fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
