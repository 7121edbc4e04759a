import HTTPSyntax

/// The path of a route. Compared with the bytes of a decoded path, so that an ordinary request makes no string of it.
struct RoutePattern: Hashable, Sendable {
    private enum Part: Hashable {
        case literal([UInt8])
        case segment(String)
        case rest(String)
    }

    private let path: StaticString
    /// It has no parameters: a path is this one or is not.
    private let isExact: Bool
    private let parts: [Part]

    init(_ path: StaticString) {
        self.path = path
        let text = path.description
        precondition(text.hasPrefix("/"), "a route begins with a slash")
        let segments = text.dropFirst().split(separator: "/")
        parts = segments.enumerated().map { index, segment in
            guard segment.hasPrefix("{") else { return .literal(Array(segment.utf8)) }
            precondition(segment.hasSuffix("}"), "a part of a route is in braces as a whole")
            let name = segment.dropFirst().dropLast()
            guard name.hasSuffix("*") else { return .segment(String(name)) }
            precondition(index == segments.count - 1, "what takes all that is left is the last part")
            return .rest(String(name.dropLast()))
        }
        isExact = !text.contains("{")
    }

    /// As it was written.
    var text: String { path.description }
    var hasParameters: Bool { !isExact }

    static func == (left: RoutePattern, right: RoutePattern) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Lower is looked at earlier: the more exact, the earlier.
    var rank: Int {
        if isExact { return 0 }
        return if case .rest = parts.last { 2 } else { 1 }
    }

    func matches(_ path: UnsafeRawBufferPointer) -> Bool {
        isExact ? HTTPText.isEqual(path, self.path) : walk(path) { _, _ in }
    }

    func parameters(of path: UnsafeRawBufferPointer) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        _ = walk(path) { name, value in
            found.append((name, String(decoding: value.map { $0 == RequestTarget.escapedSlash ? UInt8(ascii: "/") : $0 }, as: UTF8.self)))
        }
        return found
    }

    private func walk(_ path: UnsafeRawBufferPointer, _ parameter: (String, UnsafeRawBufferPointer) -> Void) -> Bool {
        var start = 0
        for part in parts {
            guard start < path.count, path[start] == UInt8(ascii: "/") else { return false }
            let end = path[(start + 1)...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
            let segment = UnsafeRawBufferPointer(rebasing: path[(start + 1)..<end])
            guard !segment.isEmpty else { return false }
            switch part {
            case .literal(let bytes): guard segment.elementsEqual(bytes) else { return false }
            case .segment(let name): parameter(name, segment)
            case .rest(let name):
                parameter(name, UnsafeRawBufferPointer(rebasing: path[(start + 1)...]))
                return true
            }
            start = end
        }
        return start == path.count
    }
}
