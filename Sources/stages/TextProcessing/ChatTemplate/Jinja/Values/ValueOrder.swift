/// Equality and order of values, as Python's operators have them.
struct ValueOrder {
    let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func areEqual(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.text(let left), .text(let right)):
            guard left.count == right.count else { return false }
            try rendering.spend(bytes: left.count)
            return left.hasSameBytes(as: right)
        case (.none, .none), (.undefined, .undefined): return true
        case (.bigInteger(let left), .bigInteger(let right)): return left == right
        case (.bigInteger(let digits), .float(let float)), (.float(let float), .bigInteger(let digits)):
            return Double(digits) == float && float.isFinite
        case (.list(let left), .list(let right)): return try areEqual(left, right)
        case (.dict(let left), .dict(let right)): return try areEqual(left, right)
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && (left.count == 0 || left.start == right.start && (left.count == 1 || left.step == right.step))
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        default:
            guard let left = Numeric(left), let right = Numeric(right) else { return false }
            return left == right
        }
    }

    private func areEqual(_ left: TemplateList, _ right: TemplateList) throws(TemplateError) -> Bool {
        if left === right { return true }
        guard left.kind == right.kind, left.elements.count == right.elements.count else { return false }
        for (left, right) in zip(left.elements, right.elements) {
            try rendering.spend(1)
            guard try areEqual(left, right) else { return false }
        }
        return true
    }

    private func areEqual(_ left: TemplateDict, _ right: TemplateDict) throws(TemplateError) -> Bool {
        if left === right { return true }
        guard left.count == right.count else { return false }
        for member in left.members {
            try rendering.spend(lookingFor: member.key, among: right.count)
            guard let other = right[member.key], try areEqual(member.value, other) else { return false }
        }
        return true
    }

    func isLess(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.text(let left), .text(let right)):
            try rendering.spend(bytes: min(left.count, right.count))
            return left.precedes(right)
        case (.list(let left), .list(let right)) where left.kind == right.kind && (left.kind == .list || left.kind == .tuple):
            for (left, right) in zip(left.elements, right.elements) {
                try rendering.spend(1)
                if !(try areEqual(left, right)) { return try isLess(left, right) }
            }
            return left.elements.count < right.elements.count
        case (.bigInteger(let digits), let other): if let other = Numeric(other) { return (Double(digits) ?? 0) < other.double }
        case (let other, .bigInteger(let digits)): if let other = Numeric(other) { return other.double < (Double(digits) ?? 0) }
        default: if let left = Numeric(left), let right = Numeric(right) { return Numeric.isLess(left, right) }
        }
        throw rendering.failure("values of type \(left.typeName) and \(right.typeName) have no order")
    }

    /// The places of the values in ascending order; equal ones stay in their order. Merging, since a comparison may fail.
    func sorted(_ values: [TemplateValue], descending: Bool = false) throws(TemplateError) -> [Int] {
        var places = Array(values.indices)
        var merged = places
        var width = 1
        while width < places.count {
            var start = 0
            while start < places.count {
                let (middle, end) = (min(start + width, places.count), min(start + 2 * width, places.count))
                var (left, right) = (start, middle)
                for target in start..<end {
                    try rendering.spend(3)
                    let takesRight: Bool
                    if left == middle {
                        takesRight = true
                    } else if right == end {
                        takesRight = false
                    } else if descending {
                        takesRight = try isLess(values[places[left]], values[places[right]])
                    } else {
                        takesRight = try isLess(values[places[right]], values[places[left]])
                    }
                    merged[target] = places[takesRight ? right : left]
                    if takesRight { right += 1 } else { left += 1 }
                }
                start = end
            }
            swap(&places, &merged)
            width *= 2
        }
        return places
    }

    /// The operator `in`.
    func contains(_ container: TemplateValue, _ value: TemplateValue) throws(TemplateError) -> Bool {
        switch container {
        case .undefined: return false
        case .text(let text):
            guard case .text(let part) = value else { throw rendering.failure("'in <str>' takes a str, not \(value.typeName)") }
            return try TextSearch(rendering).first(part, in: text, from: 0) != nil
        case .list(let list):
            for element in list.elements {
                try rendering.spend(1)
                if try areEqual(element, value) { return true }
            }
            return false
        case .dict(let dict):
            guard value.isHashable else { throw rendering.failure("a value of type \(value.typeName) cannot be a key") }
            try rendering.spend(lookingFor: value, among: dict.count)
            return dict[value] != nil
        case .range(let range):
            guard case .int(let whole)? = Numeric(value), range.count > 0 else { return false }
            let (distance, overflow) = whole.subtractingReportingOverflow(range.start)
            guard !overflow, distance == 0 || (distance < 0) == (range.step < 0) else { return false }
            let (turns, rest) = distance.magnitude.quotientAndRemainder(dividingBy: range.step.magnitude)
            return rest == 0 && turns < range.count
        case .iterator(let iterator):
            while let element = iterator.takeOne() {
                try rendering.spend(1)
                if try areEqual(element, value) { return true }
            }
            return false
        default: throw rendering.failure("a value of type \(container.typeName) contains nothing")
        }
    }
}
