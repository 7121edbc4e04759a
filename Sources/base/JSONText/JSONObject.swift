/// The members of a JSON object in the order they were written, each name once.
package struct JSONObject: Sendable {
    package struct Member: Sendable, Equatable {
        package let name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }

        package static func == (left: Member, right: Member) -> Bool { left.name.hasSameBytes(as: right.name) && left.value == right.value }
    }

    /// Up to here comparing names one after another beats hashing one.
    static let searchedLinearly = 16

    package private(set) var members: [Member] = []
    private var index = NameIndex()

    package init() {}

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var names: some Sequence<String> { members.lazy.map(\.name) }

    /// Setting an existing name keeps its place, a new one goes to the end, nil removes the member (in time linear in their number).
    package subscript(name: String) -> JSONValue? {
        get { place(of: name).map { members[$0].value } }
        set {
            switch (place(of: name), newValue) {
            case (let place?, let value?): members[place].value = value
            case (nil, let value?): append(name, value)
            case (let place?, nil):
                members.remove(at: place)
                if !index.isEmpty { index.rebuild(for: members) }
            case (nil, nil): break
            }
        }
    }

    func place(of name: String) -> Int? {
        guard index.isEmpty else { return index.place(of: name, in: members) }
        return members.firstIndex { $0.name.hasSameBytes(as: name) }
    }

    /// The name must not be a member yet.
    mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: name, value: value))
        if members.count > JSONObject.searchedLinearly { index.addLast(of: members) }
    }
}

extension JSONObject: Equatable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool { left.members == right.members }
}
