/// Where the code points of a text begin; costs nothing where each is one byte.
struct CodePoints {
    let count: Int
    private let offsets: [Int]?

    init(_ text: TemplateText, _ rendering: Rendering) throws(TemplateError) {
        try rendering.spend(bytes: text.count)
        let bytes = text.bytes
        guard bytes.contains(where: { $0 >= 0x80 }) else {
            count = text.count
            offsets = nil
            return
        }
        var offsets: [Int] = []
        for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 { offsets.append(offset) }
        try rendering.spend(offsets.count)
        count = offsets.count
        offsets.append(text.count)
        self.offsets = offsets
    }

    /// Of the code point with that number, or behind the last one.
    func offset(_ index: Int) -> Int { offsets?[index] ?? index }
}

/// `value[start:stop:step]`
struct Slices {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func slice(_ value: TemplateValue, _ start: Int?, _ stop: Int?, _ step: Int?) throws(TemplateError) -> TemplateValue {
        let step = step ?? 1
        guard step != 0 else { throw rendering.failure("the step of a slice is zero") }
        switch value {
        case .list(let list) where list.kind == .list || list.kind == .tuple:
            let places = Self.places(list.elements.count, start, stop, step)
            return try rendering.list(places.map { list.elements[$0] }, list.kind)
        case .range(let range):
            let places = Self.places(range.count, start, stop, step)
            let (first, stride) = (places.first ?? 0, range.step.multipliedReportingOverflow(by: step))
            guard !stride.overflow else { throw rendering.failure("a number that is too large") }
            return .range(TemplateRange(start: range.start &+ first &* range.step, step: stride.partialValue, count: places.count))
        case .text(let text): return .text(try slice(text, start, stop, step))
        case .undefined: throw rendering.undefined("a value that is sliced")
        default: throw rendering.failure("a value of type \(value.typeName) has no slices")
        }
    }

    private func slice(_ text: TemplateText, _ start: Int?, _ stop: Int?, _ step: Int) throws(TemplateError) -> TemplateText {
        let points = try CodePoints(text, rendering)
        let places = Self.places(points.count, start, stop, step)
        guard let first = places.first else { return .empty }
        if step == 1 { return text.part(points.offset(first)..<points.offset(first + places.count)) }
        try rendering.spend(places.count)
        var builder = TextBuilder(reserving: places.count)
        for place in places { builder.append(text.part(points.offset(place)..<points.offset(place + 1))) }
        return builder.text()
    }

    /// The places that a slice takes, as Python's `slice.indices` counts them.
    private static func places(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int) -> Places {
        let isForward = step > 0
        func bound(_ value: Int?, _ standard: Int) -> Int {
            guard let value else { return standard }
            if value < 0 { return max(value &+ count, isForward ? 0 : -1) }
            return min(value, isForward ? count : count - 1)
        }
        let first = bound(start, isForward ? 0 : count - 1)
        let distance = isForward ? bound(stop, count) - first : first - bound(stop, -1)
        // A step beyond the whole takes one element at most.
        let stride = isForward ? min(step, count + 1) : max(step, -count - 1)
        return Places(start: first, step: stride, count: distance <= 0 ? 0 : (distance - 1) / abs(stride) + 1)
    }
}

/// Some places of a sequence, evenly apart.
private struct Places: Sequence {
    let start: Int
    let step: Int
    let count: Int

    var first: Int? { count > 0 ? start : nil }

    func makeIterator() -> some IteratorProtocol<Int> { (0..<count).lazy.map { start + $0 * step }.makeIterator() }
}
