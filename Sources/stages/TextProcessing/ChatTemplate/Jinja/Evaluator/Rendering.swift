/// One run of a template: its variables, its output, and what it may still cost.
final class Rendering {
    /// Variables of the template or of one call of a macro.
    final class Frame {
        /// The compiler numbers the slots, and reads and sets none beyond their count.
        let slots: UnsafeMutablePointer<TemplateValue>
        private let count: Int
        let parent: Frame?

        init(slots count: Int, parent: Frame?) {
            slots = .allocate(capacity: count)
            slots.initialize(repeating: .undefined, count: count)
            self.count = count
            self.parent = parent
        }

        /// Lets go of all values: macros in them may hold the frame.
        func clear() { for slot in 0..<count { slots[slot] = .undefined } }

        deinit {
            slots.deinitialize(count: count)
            slots.deallocate()
        }
    }

    var output = TextBuilder()
    var frame: Frame { didSet { slots = frame.slots } }
    /// Of the frame.
    private(set) var slots: UnsafeMutablePointer<TemplateValue>
    /// Variables from outside, by the numbers that the compiler gave them.
    let context: [TemplateValue]
    let unixSeconds: Int64
    /// Of the statement under way.
    var line = 1
    private var steps: Int
    private var levels = 0
    /// What may hold itself; emptied at the end.
    private var frames: [Frame] = []
    private var namespaces: [TemplateNamespace] = []
    private var loops: [LoopState] = []

    init(slots: Int, context: [TemplateValue], steps: Int, unixSeconds: Int64) {
        let frame = Frame(slots: slots, parent: nil)
        self.frame = frame
        self.slots = frame.slots
        self.context = context
        self.steps = steps
        self.unixSeconds = unixSeconds
    }

    /// Breaks the circles and chains of macros, namespaces and loops, one after another: freeing a chain by its beginning would recurse as
    /// deep as it is long. Nothing may run afterwards.
    func end() {
        frame.clear()
        for frame in frames { frame.clear() }
        for namespace in namespaces { namespace.clear() }
        for loop in loops { loop.clear() }
    }

    // MARK: Cost

    @inline(__always)
    func spend(_ count: Int) throws(TemplateError) {
        steps -= count
        if steps < 0 { throw tooManySteps }
    }

    /// For walking over bytes. A text that is longer than any prompt may be made, and nothing be done with it: steps for long conversations
    /// would let it grow to gigabytes.
    @inline(__always)
    func spend(bytes: Int) throws(TemplateError) {
        if bytes > TextLimits.promptBytes { throw .tooLong(limit: TextLimits.promptBytes) }
        try spend(bytes / TextLimits.templateBytesPerStep + 1)
    }

    /// For finding a key: a text is hashed, and others are compared with all that are there.
    func spend(lookingFor key: TemplateValue, among count: Int) throws(TemplateError) {
        switch key {
        case .text(let text): try spend(bytes: text.count)
        case .list(let list): try spend(count * (list.keyCost ?? 0) + 1)
        default: try spend(count / 8 + 1)
        }
    }

    private var tooManySteps: TemplateError { .limit(line: line, reason: "it takes too many steps for a conversation of this size") }

    /// Goes deeper by what a macro may recurse, and back.
    func descend(_ depth: Int) throws(TemplateError) {
        levels += depth
        guard levels <= TextLimits.templateDepth else { throw .limit(line: line, reason: "calls are nested too deep") }
    }

    func ascend(_ depth: Int) { levels -= depth }

    func failure(_ reason: String) -> TemplateError { .failed(line: line, reason: reason) }

    func undefined(_ what: String) -> TemplateError { failure("\(what) is undefined") }

    // MARK: Values

    func keep(_ frame: Frame) { if frames.last !== frame { frames.append(frame) } }

    func keep(_ loop: LoopState) { loops.append(loop) }

    func namespace() -> TemplateNamespace {
        let namespace = TemplateNamespace()
        namespaces.append(namespace)
        return namespace
    }

    func list(_ elements: [TemplateValue], _ kind: TemplateList.Kind = .list) throws(TemplateError) -> TemplateValue {
        try spend(elements.count + 1)
        let list = TemplateList(elements, kind)
        try checkDepth(list.depth)
        return .list(list)
    }

    func iterator(_ elements: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        try spend(elements.count + 1)
        let iterator = TemplateIterator(elements)
        try checkDepth(iterator.depth)
        return .iterator(iterator)
    }

    func dict(_ members: [(key: TemplateValue, value: TemplateValue)]) throws(TemplateError) -> TemplateValue {
        try spend(2 * members.count + 1)
        for (index, member) in members.enumerated() {
            guard member.key.isHashable else { throw failure("a value of type \(member.key.typeName) cannot be a key") }
            try spend(lookingFor: member.key, among: index)
        }
        let dict = TemplateDict(merging: members)
        try checkDepth(dict.depth)
        return .dict(dict)
    }

    private func checkDepth(_ depth: Int) throws(TemplateError) {
        guard depth <= TextLimits.templateValueDepth else {
            throw .limit(line: line, reason: "a value of more than \(TextLimits.templateValueDepth) levels")
        }
    }

    /// What a loop goes through.
    func elements(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let list): return list.elements
        case .dict(let dict):
            try spend(dict.count)
            return dict.members.map(\.key)
        case .text(let text): return try characters(of: text)
        case .range(let range):
            try spend(range.count)
            return (0..<range.count).map { range[$0] }
        case .iterator(let iterator): return iterator.takeAll()
        default: throw failure("a value of type \(value.typeName) is not iterable")
        }
    }

    func characters(of text: TemplateText) throws(TemplateError) -> [TemplateValue] {
        try spend(text.count)
        let text = text.plain
        var characters: [TemplateValue] = []
        characters.reserveCapacity(text.count)
        var place = 0
        let bytes = text.bytes
        while place < text.count {
            let length = min(PythonText.length(of: bytes[bytes.startIndex + place]), text.count - place)
            characters.append(.text(text.part(place..<place + length)))
            place += length
        }
        return characters
    }

    /// Runs something whose output becomes a text.
    func capture(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> TemplateText {
        var outer = TextBuilder(reserving: 256)
        swap(&outer, &output)
        defer { swap(&outer, &output) }
        try body()
        var inner = TextBuilder()
        swap(&inner, &output)
        return inner.text()
    }

    /// As `str()`.
    func text(_ value: TemplateValue) throws(TemplateError) -> TemplateText { try ValuePrinter(rendering: self).text(value) }

    func write(_ value: TemplateValue) throws(TemplateError) {
        if case .text(let text) = value { return try write(text) }
        try ValuePrinter(rendering: self).append(value, to: &output)
        try checkLength()
    }

    @inline(__always)
    func write(_ text: TemplateText) throws(TemplateError) {
        try spend(bytes: text.count)
        output.append(text)
        try checkLength()
    }

    /// Before the memory is taken, not when everything is written.
    @inline(__always)
    private func checkLength() throws(TemplateError) {
        if output.bytes.count > TextLimits.promptBytes { throw .tooLong(limit: TextLimits.promptBytes) }
    }
}
