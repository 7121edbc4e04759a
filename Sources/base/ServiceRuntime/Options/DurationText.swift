/// Durations as people write them: a whole number and a unit, `250ms`, `5s`, `30min`.
package enum DurationText {
    /// Largest first, so that showing finds the shortest form.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
    ]

    private static let remedy = "write a whole number and a unit (ns, us, ms, s, min, h, d), such as 250ms, 5s or 30min"

    package static func parse(_ text: String) throws(ValueProblem) -> Duration {
        guard let written = UnitText(text) else { throw ValueProblem("\(text.quotedForMessage) is not a duration", remedy: remedy) }
        guard !written.unit.isEmpty else { throw ValueProblem("\(text.quotedForMessage) has no unit", remedy: remedy) }
        guard let unit = units.first(where: { $0.name == written.unit }) else {
            // "m" is minutes to some and months or milliseconds to others: better to ask than to guess.
            throw ValueProblem("\(text.quotedForMessage) has an unknown unit", remedy: remedy)
        }
        let (nanoseconds, overflow) = (Int64(exactly: written.number) ?? .max).multipliedReportingOverflow(by: unit.nanoseconds)
        guard !overflow, Int64(exactly: written.number) != nil else {
            throw ValueProblem("\(text.quotedForMessage) is too long a time", remedy: "write less than 292 years")
        }
        return .nanoseconds(nanoseconds)
    }

    /// The shortest exact form; what is below a nanosecond is dropped.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let fraction = attoseconds / 1_000_000_000
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (nanoseconds, secondOverflow) = whole.addingReportingOverflow(fraction)
        guard !overflow, !secondOverflow else { return "\(seconds)s" }
        guard nanoseconds != 0 else { return "0s" }
        let unit = units.first { nanoseconds % $0.nanoseconds == 0 } ?? ("ns", 1)
        return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
    }
}

extension ValueSyntax<Duration> {
    /// A time within bounds, written with its unit. A bare number is refused: nobody can tell its unit.
    package static func duration(_ range: ClosedRange<Duration>) -> ValueSyntax {
        let constraint = "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        return ValueSyntax(placeholder: "DURATION", constraint: constraint) { raw, _ throws(ValueProblem) in
            if case .number(let digits) = raw {
                throw ValueProblem("the number \(digits) has no unit", remedy: "write it in quotes with a unit, such as \"\(digits)s\"")
            }
            let text = try raw.text("a duration")
            let value = try DurationText.parse(text)
            guard range.contains(value) else {
                throw ValueProblem("\(text.quotedForMessage) is out of range", remedy: "write a duration, \(constraint)")
            }
            return value
        } show: {
            .text(DurationText.text($0))
        }
    }
}
