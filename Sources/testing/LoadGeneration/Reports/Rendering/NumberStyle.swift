/// How the numbers of an axis or of a figure are shown.
package enum NumberStyle: Hashable, Sendable {
    /// Counts, and whatever has no unit.
    case plain
    /// 0 to 1, as percent.
    case share
    /// Seconds, in the unit that fits.
    case duration
    /// A second.
    case rate

    package func text(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        return switch self {
        case .plain: value.grouped
        case .share: "\((value * 100).fixed(value.magnitude < 0.0995 ? 2 : 1)) %"
        case .duration: Duration.seconds(clamped: value).shortText
        case .rate: "\(value.grouped)/s"
        }
    }

    package func text(_ value: Double?) -> String { value.map { text($0) } ?? "–" }

    /// Without zeros that say nothing: beside an axis there is little room.
    func tick(_ value: Double) -> String {
        switch self {
        case .plain, .rate: return value.magnitude >= 10_000 ? value.withPrefix : value.grouped.withoutTrailingZeros
        case .share: return "\((value * 100).threeDigits.withoutTrailingZeros) %"
        case .duration:
            let words = Duration.seconds(clamped: value).shortText.split(separator: " ")
            return words.enumerated().map { $0.offset == 0 ? String($0.element).withoutTrailingZeros : String($0.element) }.joined(
                separator: " ")
        }
    }
}

extension Duration {
    static func seconds(clamped value: Double) -> Duration { .nanoseconds(Int64(Swift.min(Swift.max(value, -9e9), 9e9) * 1e9)) }
}

extension Double {
    /// Three digits that count, thousands set apart: `12,031`, `3.40`.
    var grouped: String {
        guard isFinite, magnitude >= 999.5, magnitude < 1e15 else { return threeDigits }
        return (self < 0 ? "-" : "") + UInt64(magnitude.rounded()).grouped
    }

    /// `14.2k`, `3.03M`.
    fileprivate var withPrefix: String {
        for (bound, unit) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where magnitude >= bound {
            return (self / bound).threeDigits.withoutTrailingZeros + unit
        }
        return threeDigits
    }
}

extension UInt64 {
    /// Thousands set apart by commas.
    package var grouped: String {
        let digits = Array(String(self).utf8)
        var text: [UInt8] = []
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(UInt8(ascii: ",")) }
            text.append(digit)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension String {
    fileprivate var withoutTrailingZeros: String {
        guard contains(".") else { return self }
        var text = self[...]
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return String(text)
    }
}
