/// A table of a report: texts in columns, numbers to the right.
package struct ReportTable: Hashable, Sendable {
    package struct Column: Hashable, Sendable {
        package var title: String
        package var isNumber: Bool

        package init(_ title: String, isNumber: Bool = true) {
            self.title = title
            self.isNumber = isNumber
        }
    }

    /// Empty: the section's title says it all.
    package var title: String
    package var columns: [Column]
    /// One text a column; a short row is filled up with empty cells, a long one cut.
    package var rows: [[String]]

    package init(title: String = "", columns: [Column], rows: [[String]]) {
        self.title = title
        self.columns = columns
        self.rows = rows
    }

    private func cell(_ row: [String], _ column: Int) -> String { column < row.count ? row[column] : "" }

    // MARK: As text

    /// Aligned, at most `width` characters wide: a table that is wider goes on below itself with its first column again.
    package func text(width: Int = 100) -> String {
        let cells = ([columns.map(\.title)] + rows).map { row in columns.indices.map { cell(row, $0).printable } }
        guard let first = columns.indices.first else { return "" }
        let widths = columns.indices.map { column in min(cells.map { $0[column].count }.max() ?? 0, column == first ? width / 2 : width / 3)
        }
        var blocks: [[Int]] = [], block = [first], used = widths[first]
        for column in columns.indices.dropFirst() {
            if used + 2 + widths[column] > width, block.count > 1 {
                blocks.append(block)
                block = [first]
                used = widths[first]
            }
            block.append(column)
            used += 2 + widths[column]
        }
        blocks.append(block)
        return blocks.map { block in
            var lines = cells.map { row in
                block.map { column in
                    let text = row[column].cut(to: widths[column])
                    let room = String(repeating: " ", count: widths[column] - text.count)
                    return columns[column].isNumber ? room + text : text + room
                }.joined(separator: "  ").trimmingRight
            }
            lines.insert(String(repeating: "─", count: block.reduce(-2) { $0 + widths[$1] + 2 }), at: 1)
            return lines.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }

    // MARK: As Markdown

    package var markdown: String {
        var lines = [columns.map(\.title.markdown), columns.map { $0.isNumber ? "---:" : "---" }]
        lines += rows.map { row in columns.indices.map { cell(row, $0).markdown } }
        return lines.map { "| \($0.joined(separator: " | ")) |\n" }.joined()
    }

    // MARK: As HTML

    /// Wide tables scroll in their own box, so that the page does not.
    var html: String {
        func row(_ cells: [String], _ tag: String) -> String {
            let texts = columns.indices.map { column in
                let isHead = tag == "td" && column == 0, name = isHead ? "th" : tag
                let attributes =
                    (isHead ? " scope=\"row\"" : tag == "th" ? " scope=\"col\"" : "") + (columns[column].isNumber ? " class=\"n\"" : "")
                return "<\(name)\(attributes)>\(cell(cells, column).markup)</\(name)>"
            }
            return "<tr>\(texts.joined())</tr>"
        }
        let caption = title.isEmpty ? "" : "<caption>\(title.markup)</caption>"
        let body = rows.map { row($0, "td") }.joined(separator: "\n")
        return """
            <div class="scroll" tabindex="0"><table>\(caption)<thead>\(row(columns.map(\.title), "th"))</thead>
            <tbody>\(body)</tbody></table></div>

            """
    }
}

extension String {
    fileprivate var trimmingRight: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
