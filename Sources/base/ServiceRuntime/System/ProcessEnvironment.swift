import Glibc

/// The environment of this process, read once at start and passed on as a value.
package enum ProcessEnvironment {
    /// Every variable; of a name set twice the first counts, as `getenv` has it. Variables that are not UTF-8 are repaired, not dropped.
    package static func read() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pair = entry.pointee {
            let text = String(cString: pair)
            if let equals = text.firstIndex(of: "="), equals != text.startIndex {
                let name = String(text[..<equals])
                if variables[name] == nil { variables[name] = String(text[text.index(after: equals)...]) }
            }
            entry += 1
        }
        return variables
    }
}
