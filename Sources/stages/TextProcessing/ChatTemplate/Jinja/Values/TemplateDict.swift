/// A dict: its members in the order in which they were made. It never changes.
final class TemplateDict {
    struct Member {
        let key: TemplateValue
        let value: TemplateValue
        /// Of a key that is text; 0 for others.
        fileprivate let mark: UInt64

        init(key: TemplateValue, value: TemplateValue) {
            self.key = key
            self.value = value
            mark = if case .text(let text) = key { text.mark } else { 0 }
        }
    }

    /// Up to here comparing keys one after another beats hashing one.
    private static let searchedLinearly = 16

    let members: [Member]
    /// Lists and dicts inside each other, this one counted.
    let depth: Int
    private let index: [TextKey: Int]

    /// Keys differ from each other.
    init(_ members: [Member]) {
        self.members = members
        depth = 1 + members.reduce(0) { max($0, $1.value.depth, $1.key.depth) }
        var index: [TextKey: Int] = [:]
        if members.count > Self.searchedLinearly {
            index.reserveCapacity(members.count)
            for (place, member) in members.enumerated() { if case .text(let text) = member.key { index[TextKey(text: text)] = place } }
        }
        self.index = index
    }

    /// A key that is there twice keeps its first place and its last value.
    convenience init(merging given: [(key: TemplateValue, value: TemplateValue)]) {
        var members: [Member] = []
        var places: [TextKey: Int] = [:]
        for (key, value) in given {
            if case .text(let text) = key {
                if let place = places[TextKey(text: text)] {
                    members[place] = Member(key: members[place].key, value: value)
                    continue
                }
                places[TextKey(text: text)] = members.count
            } else if let place = members.firstIndex(where: { $0.key.isSameKey(as: key) }) {
                members[place] = Member(key: members[place].key, value: value)
                continue
            }
            members.append(Member(key: key, value: value))
        }
        self.init(members)
    }

    var count: Int { members.count }

    subscript(text: TemplateText) -> TemplateValue? {
        if members.count > Self.searchedLinearly { return index[TextKey(text: text)].map { members[$0].value } }
        return self[text, mark: text.mark]
    }

    /// With the text's mark, where it is known before.
    subscript(text: TemplateText, mark mark: UInt64) -> TemplateValue? {
        if members.count > Self.searchedLinearly { return index[TextKey(text: text)].map { members[$0].value } }
        for place in members.indices where members[place].mark == mark {
            if mark & 0xFF <= 8 { return members[place].value }
            if case .text(let key) = members[place].key, key.hasSameBytes(as: text) { return members[place].value }
        }
        return nil
    }

    /// Nil also for what can be no key.
    subscript(key: TemplateValue) -> TemplateValue? {
        if case .text(let text) = key { return self[text] }
        return members.first { $0.key.isSameKey(as: key) }?.value
    }
}

extension TemplateValue {
    /// Whether it may be a key here: texts, numbers, booleans, None, what is undefined, and tuples of them.
    var isHashable: Bool {
        switch self {
        case .undefined, .none, .bool, .int, .bigInteger, .float, .text: true
        case .list(let list): list.keyCost != nil
        default: false
        }
    }

    fileprivate func isSameKey(as other: TemplateValue) -> Bool {
        switch (self, other) {
        case (.none, .none), (.undefined, .undefined): true
        case (.text(let left), .text(let right)): left.hasSameBytes(as: right)
        case (.bigInteger(let left), .bigInteger(let right)): left == right
        case (.list(let left), .list(let right)):
            left.elements.count == right.elements.count && zip(left.elements, right.elements).allSatisfy { $0.isSameKey(as: $1) }
        default: if let left = Numeric(self), let right = Numeric(other) { left == right } else { false }
        }
    }
}

/// A key that is text, found by its bytes.
private struct TextKey: Hashable {
    let text: TemplateText

    static func == (left: TextKey, right: TextKey) -> Bool { left.text.hasSameBytes(as: right.text) }

    func hash(into hasher: inout Hasher) {
        text.storage.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[text.range])) }
    }
}

extension TemplateText {
    /// The length and one, at most 255, and the first seven bytes: tells most texts apart, and short ones fully. Never 0.
    var mark: UInt64 {
        var mark = UInt64(min(count, 254) + 1)
        var shift: UInt64 = 8
        for byte in bytes.prefix(7) {
            mark |= UInt64(byte) << shift
            shift += 8
        }
        return mark
    }
}

/// Keys that were seen.
struct KeySet {
    private var texts: Set<TextKey> = []
    private var others: [TemplateValue] = []

    /// Keys that are looked through one by one.
    var linearCount: Int { others.count }

    /// False if it is there already.
    mutating func insert(_ key: TemplateValue) -> Bool {
        if case .text(let text) = key { return texts.insert(TextKey(text: text)).inserted }
        guard !others.contains(where: { $0.isSameKey(as: key) }) else { return false }
        others.append(key)
        return true
    }
}
