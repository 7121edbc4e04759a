/// `strftime` in UTC, with English names.
struct DateFormat {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ]

    func format(_ format: TemplateText) throws(TemplateError) -> TemplateText {
        try rendering.spend(bytes: format.count)
        try rendering.spend(format.count)
        let moment = Moment(unixSeconds: rendering.unixSeconds)
        var builder = TextBuilder()
        let bytes = format.bytes
        var place = bytes.startIndex
        while place < bytes.endIndex {
            let isTrusted = format.isTrusted(at: place - bytes.startIndex)
            guard bytes[place] == UInt8(ascii: "%"), place + 1 < bytes.endIndex else {
                builder.append(bytes[place], isTrusted: isTrusted)
                place += 1
                continue
            }
            var letter = bytes[place + 1]
            var isPadded = true
            if letter == UInt8(ascii: "-"), place + 2 < bytes.endIndex {
                isPadded = false
                place += 1
                letter = bytes[place + 1]
            }
            // A part may be put together from ten others.
            try rendering.spend(8)
            guard let text = Self.text(letter, moment, isPadded: isPadded) else {
                throw rendering.failure("the date format has a part that is not known here")
            }
            builder.append(isTrusted: isTrusted) { $0.append(contentsOf: text.utf8) }
            place += 2
        }
        return builder.text()
    }

    private static func text(_ letter: UInt8, _ moment: Moment, isPadded: Bool) -> String? {
        func number(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return isPadded ? String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits : digits
        }
        func composed(_ format: String) -> String {
            var text = ""
            var isLetter = false
            for byte in format.utf8 {
                if isLetter {
                    text += Self.text(byte, moment, isPadded: true) ?? ""
                    isLetter = false
                } else if byte == UInt8(ascii: "%") {
                    isLetter = true
                } else {
                    text.unicodeScalars.append(Unicode.Scalar(byte))
                }
            }
            return text
        }
        let twelve = moment.hour % 12 == 0 ? 12 : moment.hour % 12
        switch letter {
        case UInt8(ascii: "Y"): return number(moment.year, 1)
        case UInt8(ascii: "y"): return number(moment.year % 100, 2)
        case UInt8(ascii: "m"): return number(moment.month, 2)
        case UInt8(ascii: "d"): return number(moment.day, 2)
        case UInt8(ascii: "e"): return (moment.day < 10 && isPadded ? " " : "") + String(moment.day)
        case UInt8(ascii: "H"): return number(moment.hour, 2)
        case UInt8(ascii: "I"): return number(twelve, 2)
        case UInt8(ascii: "M"): return number(moment.minute, 2)
        case UInt8(ascii: "S"): return number(moment.second, 2)
        case UInt8(ascii: "f"): return "000000"
        case UInt8(ascii: "j"): return number(moment.dayOfYear, 3)
        case UInt8(ascii: "p"): return moment.hour < 12 ? "AM" : "PM"
        case UInt8(ascii: "A"): return days[moment.weekday]
        case UInt8(ascii: "a"): return String(days[moment.weekday].prefix(3))
        case UInt8(ascii: "w"): return String(moment.weekday)
        case UInt8(ascii: "u"): return String(moment.weekday == 0 ? 7 : moment.weekday)
        case UInt8(ascii: "B"): return months[moment.month - 1]
        case UInt8(ascii: "b"), UInt8(ascii: "h"): return String(months[moment.month - 1].prefix(3))
        case UInt8(ascii: "F"): return composed("%Y-%m-%d")
        case UInt8(ascii: "T"), UInt8(ascii: "X"): return composed("%H:%M:%S")
        case UInt8(ascii: "R"): return composed("%H:%M")
        case UInt8(ascii: "D"), UInt8(ascii: "x"): return composed("%m/%d/%y")
        case UInt8(ascii: "c"): return composed("%a %b %e %H:%M:%S %Y")
        case UInt8(ascii: "s"): return String(moment.unixSeconds)
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): return ""
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "%"): return "%"
        default: return nil
        }
    }
}

/// A second in the Gregorian calendar.
private struct Moment {
    let unixSeconds: Int64
    let year: Int
    let month: Int
    let day: Int
    let dayOfYear: Int
    /// Sunday is 0.
    let weekday: Int
    let hour: Int
    let minute: Int
    let second: Int

    /// Years 1 to 9999; what lies outside is moved to the nearest bound.
    init(unixSeconds: Int64) {
        let bounded = min(max(unixSeconds, -62_135_596_800), 253_402_300_799)
        self.unixSeconds = bounded
        let seconds = Int(bounded)
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        let rest = seconds - days * 86_400
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        weekday = ((days + 4) % 7 + 7) % 7
        // Years begin in March here, so that the leap day is the last one: eras of 400 years.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfMarchYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfMarchYear + 2) / 153
        day = dayOfMarchYear - (153 * part + 2) / 5 + 1
        month = part < 10 ? part + 3 : part - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
        dayOfYear = before + day + (isLeap && month > 2 ? 1 : 0)
    }
}
