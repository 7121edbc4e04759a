/// Why a trace cannot be read: the line, the column, and what is wrong there.
package struct TraceError: Error, Hashable, CustomStringConvertible {
    /// From 1; nil: the file as a whole, or an option.
    package let line: Int?
    package let column: String?
    package let problem: String

    init(line: Int? = nil, column: String? = nil, _ problem: String) {
        self.line = line
        self.column = column
        self.problem = problem
    }

    package var description: String {
        [line.map { "line \($0)" }, column].compactMap { $0 }.joined(separator: ", ") + (line == nil && column == nil ? "" : ": ") + problem
    }
}
