import ClusterModel
import Glibc
import JSONText
import TextProcessing

/// `textcheck templates FILE…`: what `templates.py` rendered, rendered by us. Texts must be equal, and where the other raises we must refuse.
struct TemplatesCheck {
    /// One rendering of the other implementation.
    private struct Golden {
        let template: String
        let name: String
        let source: [UInt8]
        let variables: JSONObject
        /// Nil where it raised, for `error`.
        let text: String?
        let error: String
        let microseconds: Double?
        let bytes: Int
    }

    private struct Count {
        var equal = 0
        var refused = 0
        var bounded = 0
        var different = 0
        var theirs = 0.0
        var ours = 0.0
    }

    /// Of 2026-01-02 03:04:05, as in `templates.py`.
    private static let context = TemplateContext(unixSeconds: 1_767_323_045)

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard !arguments.isEmpty else { throw CheckError(reason: "files of renderings are expected") }
        var isEqual = true
        for path in arguments {
            var check = TemplatesCheck()
            for line in try TextFile.lines(of: path) { try check.compare(line) }
            check.report(path)
            isEqual = isEqual && check.total.different == 0 && check.total.equal > 0
        }
        return isEqual
    }

    private var counts: [(template: String, count: Count)] = []
    private var skipped = 0
    private var compiled: (source: [UInt8], template: Result<JinjaTemplate, TemplateError>)?

    private var total: Count {
        counts.reduce(into: Count()) { sum, entry in
            sum.equal += entry.count.equal
            sum.refused += entry.count.refused
            sum.bounded += entry.count.bounded
            sum.different += entry.count.different
            sum.theirs += entry.count.theirs
            sum.ours += entry.count.ours
        }
    }

    private mutating func compare(_ line: [UInt8]) throws(CheckError) {
        guard let object = (try? JSONValue(parsing: line, limits: .file))?.asObject, let template = object["template"]?.asString,
            let source = object["source"]?.asString, let variables = object["variables"]?.asObject
        else { throw CheckError(reason: "a line that is no rendering: \(String(decoding: line.prefix(80), as: UTF8.self))") }
        if object["skip"]?.asBool == true { return skipped += 1 }
        let golden = Golden(
            template: template, name: object["case"]?.asString ?? "", source: Array(source.utf8), variables: variables,
            text: object["text"]?.asString, error: object["error"]?.asString ?? "", microseconds: object["microseconds"]?.asDouble,
            bytes: line.count)
        if counts.last?.template != template { counts.append((template, Count())) }
        compare(golden)
    }

    private mutating func compare(_ golden: Golden) {
        if compiled?.source != golden.source {
            let specials = [("bos_token", "<s>"), ("eos_token", "</s>")].filter { golden.variables[$0.0] != nil }
            do throws(TemplateError) {
                compiled = (golden.source, .success(try JinjaTemplate(source: golden.source, specials: specials)))
            } catch {
                compiled = (golden.source, .failure(error))
            }
        }
        let outcome: Result<String, TemplateError>
        do throws(TemplateError) { outcome = .success(try render(golden)) } catch { outcome = .failure(error) }
        let place = counts.count - 1
        switch (outcome, golden.text) {
        case (.success(let ours), let theirs?) where ours.utf8.elementsEqual(theirs.utf8):
            counts[place].count.equal += 1
            if let microseconds = golden.microseconds { time(golden, theirs: microseconds) }
        case (.failure(let error), nil):
            counts[place].count.refused += 1
            if golden.error.hasPrefix("TemplateError") != error.isRefusal { differ(golden, "\(error)", golden.error) }
        case (.failure(let error), _?) where error.isBound: counts[place].count.bounded += 1
        case (.success(let ours), let theirs): differ(golden, ours, theirs ?? "raises \(golden.error)")
        case (.failure(let error), let theirs?): differ(golden, "\(error)", theirs)
        }
    }

    private func render(_ golden: Golden) throws(TemplateError) -> String {
        guard let compiled else { return "" }
        let template = try compiled.template.get()
        let prompt = try template.render(
            template.variables(golden.variables), Self.context, steps: TextLimits.templateSteps + 8 * golden.bytes)
        return String(decoding: prompt.utf8, as: UTF8.self)
    }

    private mutating func differ(_ golden: Golden, _ ours: String, _ theirs: String) {
        counts[counts.count - 1].count.different += 1
        guard total.different <= 40 else { return }
        let start = zip(ours.unicodeScalars, theirs.unicodeScalars).prefix { $0 == $1 }.count
        func excerpt(_ text: String) -> String {
            String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(max(0, start - 20)).prefix(100))).debugDescription
        }
        print("\(golden.template), \(golden.name): from character \(start)\n  ours   \(excerpt(ours))\n  theirs \(excerpt(theirs))")
        guard golden.source.count < 1000 else { return }
        print("  of \(String(decoding: golden.source, as: UTF8.self).debugDescription)")
        print("  with \(String(decoding: JSONValue.object(golden.variables).encoded(), as: UTF8.self))")
    }

    private mutating func time(_ golden: Golden, theirs: Double) {
        guard case .success(let template)? = compiled?.template else { return }
        let repeats = 50
        // The other was given its values, too.
        let variables = template.variables(golden.variables)
        var best = Double.infinity
        for _ in 0..<3 {
            let start = Clock.microseconds()
            for _ in 0..<repeats {
                _ = try? template.render(variables, Self.context, steps: TextLimits.templateSteps + 8 * golden.bytes)
            }
            best = min(best, (Clock.microseconds() - start) / Double(repeats))
        }
        counts[counts.count - 1].count.theirs += theirs
        counts[counts.count - 1].count.ours += best
    }

    private func report(_ path: String) {
        let total = total
        if counts.count < 1000 {
            for (template, count) in counts {
                let speed = count.ours > 0 ? ", \(Int(count.theirs)) µs there, \(Int(count.ours)) µs here: \(Self.ratio(count))" : ""
                print("\(template): \(count.equal) equal, \(count.refused) refused by both, \(count.different) different\(speed)")
            }
        }
        let bounded = total.bounded > 0 ? ", \(total.bounded) beyond a bound of ours" : ""
        let speed = total.ours > 0 ? "; \(Self.ratio(total)) as fast" : ""
        print(
            "\(path): \(counts.count) templates, \(total.equal) renderings equal, \(total.refused) refused by both\(bounded), "
                + "\(skipped) that print addresses left out, \(total.different) different\(speed)")
    }

    private static func ratio(_ count: Count) -> String { "\((count.theirs / count.ours * 10).rounded() / 10)×" }
}

extension TemplateError {
    fileprivate var isRefusal: Bool { if case .refused = self { true } else { false } }

    /// Numbers beyond a machine word, and work beyond what one rendering may cost.
    fileprivate var isBound: Bool {
        switch self {
        case .limit: true
        case .failed(_, let reason): reason == "a number that is too large"
        default: false
        }
    }
}

/// Reads a file's lines.
enum TextFile {
    static func lines(of path: String) throws(CheckError) -> [[UInt8]] {
        guard let file = fopen(path, "r") else { throw CheckError(reason: "\(path) cannot be read") }
        defer { fclose(file) }
        var lines: [[UInt8]] = []
        var buffer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(buffer) }
        while true {
            let count = getline(&buffer, &capacity, file)
            guard count > 0, let buffer else { return lines }
            let bytes = UnsafeRawBufferPointer(start: buffer, count: count)
            lines.append(Array(bytes.last == 0x0A ? bytes.dropLast() : bytes[...]))
        }
    }
}

enum Clock {
    static func microseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }
}
