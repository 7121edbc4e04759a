import JSONText

/// A value inside a model's file, and the way to it: what is missing or wrong is an error that names the place.
struct FileNode {
    let value: JSONValue
    let path: String
    private let name: String

    /// The whole file.
    init(file name: String, _ contents: [UInt8], limits: JSONLimits) throws(TextError) {
        do throws(JSONError) {
            value = try JSONValue(parsing: contents, limits: limits)
        } catch {
            throw .invalidFile(name: name, path: error.path, reason: "\(error.reason) (line \(error.line), column \(error.column))")
        }
        self.name = name
        path = ""
        guard value.asObject != nil else { throw self.error("must be a JSON object") }
    }

    private init(_ value: JSONValue, _ path: String, _ name: String) {
        self.value = value
        self.path = path
        self.name = name
    }

    func error(_ reason: String) -> TextError { .invalidFile(name: name, path: path, reason: reason) }

    /// Of something inside this value.
    func error(at inside: String, _ reason: String) -> TextError { .invalidFile(name: name, path: path + inside, reason: reason) }

    // MARK: Members

    /// Nil if there is none, or if it is null.
    subscript(member: String) -> FileNode? {
        guard let found = value[member], !found.isNull else { return nil }
        return FileNode(found, path.isEmpty ? member : "\(path).\(member)", name)
    }

    func required(_ member: String) throws(TextError) -> FileNode {
        guard let found = self[member] else { throw error(at: path.isEmpty ? member : ".\(member)", "is missing") }
        return found
    }

    func element(_ index: Int, of elements: [JSONValue]) -> FileNode { FileNode(elements[index], "\(path)[\(index)]", name) }

    /// The elements of an array of at most `limit`.
    func elements(atMost limit: Int) throws(TextError) -> [FileNode] {
        guard let elements = value.asArray else { throw error("must be an array") }
        guard elements.count <= limit else { throw error("has more than \(limit) elements") }
        return elements.indices.map { element($0, of: elements) }
    }

    // MARK: What it is

    func text(atMost limit: Int) throws(TextError) -> String {
        guard let text = value.asString else { throw error("must be a string") }
        guard text.utf8.count <= limit else { throw error("has more than \(limit) bytes") }
        return text
    }

    func text(_ member: String, atMost limit: Int = TextLimits.patternBytes) throws(TextError) -> String {
        try required(member).text(atMost: limit)
    }

    /// `standard` where the member is missing.
    func flag(_ member: String, else standard: Bool) throws(TextError) -> Bool {
        guard let node = self[member] else { return standard }
        guard let flag = node.value.asBool else { throw node.error("must be true or false") }
        return flag
    }

    func number(_ member: String, in range: ClosedRange<Int>) throws(TextError) -> Int {
        let node = try required(member)
        guard let number = node.value.asInt, range.contains(number) else {
            throw node.error("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The value of `type`.
    func kind() throws(TextError) -> String {
        guard value.asObject != nil else { throw error("must be a JSON object") }
        return FileText.printable(try text("type"))
    }

    func unsupported(_ kind: String) -> TextError { error(at: ".type", "\(kind) is not supported") }

    /// The steps of a sequence in order, sequences in it among them; one step if it is none.
    func steps(_ member: String) throws(TextError) -> [FileNode] {
        var steps: [FileNode] = []
        try collect(member, into: &steps)
        return steps
    }

    private func collect(_ member: String, into steps: inout [FileNode]) throws(TextError) {
        // The depth of the file is bounded by its reader, the number of steps here.
        guard try kind() == "Sequence" else {
            guard steps.count < TextLimits.pipelineSteps else { throw error("has more than \(TextLimits.pipelineSteps) steps") }
            return steps.append(self)
        }
        for step in try required(member).elements(atMost: TextLimits.pipelineSteps) { try step.collect(member, into: &steps) }
    }
}
