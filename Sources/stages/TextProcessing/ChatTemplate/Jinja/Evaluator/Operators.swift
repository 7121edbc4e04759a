/// Python's operators.
struct Operators {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// From the left.
    func sum(_ values: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        if values.count == 2, case .int(let left) = values[0], case .int(let right) = values[1] {
            return try apply(.add, .int(left), .int(right))
        }
        if let text = try texts(values) { return .text(text) }
        var sum = values[0]
        for value in values.dropFirst() { sum = try apply(.add, sum, value) }
        return sum
    }

    /// All of them in one go if they are plain texts.
    private func texts(_ values: [TemplateValue]) throws(TemplateError) -> TemplateText? {
        var count = 0
        for value in values {
            guard case .text(let text) = value, !text.isMarkup else { return nil }
            count += text.count
        }
        try rendering.spend(bytes: count)
        var builder = TextBuilder(reserving: count)
        for value in values { if case .text(let text) = value { builder.append(text) } }
        return builder.text()
    }

    func apply(_ operation: Arithmetic.Operator, _ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> TemplateValue {
        if let left = Numeric(left), let right = Numeric(right) {
            do throws(Arithmetic.Problem) { return try Arithmetic.apply(operation, left, right) } catch {
                switch error {
                case .division: throw rendering.failure("division by zero")
                case .overflow: throw rendering.failure("a number that is too large")
                case .notReal: throw rendering.failure("a power that cannot be computed here")
                }
            }
        }
        switch (operation, left, right) {
        case (.remainder, .text(let text), let value): return .text(try PercentFormat(rendering).format(text, value))
        case (_, .undefined, _), (_, _, .undefined): throw rendering.undefined("an operand")
        case (.add, .text(let left), .text(let right)): return .text(try add(left, right))
        case (.add, .list(let left), .list(let right)) where left.kind == right.kind && (left.kind == .list || left.kind == .tuple):
            return try rendering.list(left.elements + right.elements, left.kind)
        case (.multiply, .text(let text), let count), (.multiply, let count, .text(let text)):
            if case .int(let count)? = Numeric(count) { return .text(try repeated(text, count)) }
        case (.multiply, .list(let list), let count), (.multiply, let count, .list(let list)):
            if case .int(let count)? = Numeric(count), list.kind == .list || list.kind == .tuple { return try repeated(list, count) }
        default: break
        }
        if case .bigInteger = left { throw rendering.failure("a number that is too large") }
        if case .bigInteger = right { throw rendering.failure("a number that is too large") }
        throw rendering.failure("values of type \(left.typeName) and \(right.typeName) do not go together here")
    }

    /// A `Markup` escapes the plain text that it meets.
    private func add(_ left: TemplateText, _ right: TemplateText) throws(TemplateError) -> TemplateText {
        guard left.isMarkup || right.isMarkup else { return try texts([.text(left), .text(right)]) ?? .empty }
        var builder = TextBuilder()
        for text in [left, right] { builder.append(text.isMarkup ? text : try TextCase(rendering).escaped(text)) }
        return builder.text().markup
    }

    private func repeated(_ text: TemplateText, _ count: Int) throws(TemplateError) -> TemplateText {
        guard count > 0, !text.isEmpty else { return .empty }
        let (bytes, overflow) = text.count.multipliedReportingOverflow(by: count)
        guard !overflow, bytes <= TextLimits.promptBytes else {
            throw .limit(line: rendering.line, reason: "a text of more than \(TextLimits.promptBytes) bytes")
        }
        try rendering.spend(bytes: bytes)
        try rendering.spend(count)
        var builder = TextBuilder(reserving: bytes)
        for _ in 0..<count { builder.append(text) }
        return builder.text()
    }

    private func repeated(_ list: TemplateList, _ count: Int) throws(TemplateError) -> TemplateValue {
        let (total, overflow) = list.elements.count.multipliedReportingOverflow(by: max(0, count))
        guard !overflow else { throw .limit(line: rendering.line, reason: "a list that is too long") }
        try rendering.spend(total)
        var elements: [TemplateValue] = []
        elements.reserveCapacity(total)
        if !list.elements.isEmpty { for _ in 0..<max(0, count) { elements += list.elements } }
        return try rendering.list(elements, list.kind)
    }

    func negative(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch Numeric(value) {
        case .int(let value)?:
            guard value != .min else { throw rendering.failure("a number that is too large") }
            return .int(-value)
        case .float(let value)?: return .float(-value)
        case nil: throw rendering.failure("a value of type \(value.typeName) has no negative")
        }
    }

    func positive(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch Numeric(value) {
        case .int(let value)?: return .int(value)
        case .float(let value)?: return .float(value)
        case nil: throw rendering.failure("a value of type \(value.typeName) is no number")
        }
    }

    func compare(_ operation: ComparisonOperator, _ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        let order = ValueOrder(rendering)
        switch operation {
        case .equal: return try order.areEqual(left, right)
        case .notEqual: return !(try order.areEqual(left, right))
        case .less: return try order.isLess(left, right)
        case .greater: return try order.isLess(right, left)
        case .lessOrEqual:
            if try order.areEqual(left, right) { return try isOrdered(left, right) }
            return try order.isLess(left, right)
        case .greaterOrEqual:
            if try order.areEqual(left, right) { return try isOrdered(left, right) }
            return try order.isLess(right, left)
        case .isIn: return try order.contains(right, left)
        case .isNotIn: return !(try order.contains(right, left))
        }
    }

    /// Equal values may still have no order: Python refuses `None <= None`.
    private func isOrdered(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        if case .bigInteger = left { return true }
        _ = try ValueOrder(rendering).isLess(left, right)
        return true
    }
}
