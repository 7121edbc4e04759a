package import JSONText

/// What is told of a run, to be shown on a terminal, read by programs, or looked at in a browser.
package struct LoadReport: Sendable {
    /// Something that the run was done with: `("policy", "kv")`.
    package struct Fact: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var title: String
    package var facts: [Fact]
    /// Nil: the report is of something else, and its sections say it.
    package var summary: LoadSummary?
    /// Behind what is said of the summary.
    package var sections: [ReportSection]
    /// Further members of the JSON document; one that has a name of ours is left out.
    package var members: [(name: String, value: JSONValue)] = []

    package init(title: String, facts: [Fact] = [], summary: LoadSummary? = nil, sections: [ReportSection] = []) {
        self.title = title
        self.facts = facts
        self.summary = summary
        self.sections = sections
    }

    var allSections: [ReportSection] { (summary.map { SummarySections($0).all } ?? []) + sections }

    // MARK: For a terminal

    /// Tables, at most `width` characters wide; charts are for pages.
    package func text(width: Int = 100) -> String {
        var text = title.printable + "\n" + String(repeating: "═", count: min(width, title.count)) + "\n"
        let room = min(24, facts.map(\.name.count).max() ?? 0)
        for fact in facts {
            let name = fact.name.printable.cut(to: room)
            text +=
                name + String(repeating: " ", count: room - name.count + 2) + fact.value.printable.cut(to: max(20, width - room - 2)) + "\n"
        }
        for section in allSections where !section.tables.isEmpty {
            text += "\n" + section.title.printable + "\n"
            if !section.note.isEmpty { text += section.note.printable.wrapped(to: width) }
            for table in section.tables {
                text += "\n" + (table.title.isEmpty ? "" : table.title.printable + "\n") + table.text(width: width)
            }
        }
        return text
    }

    // MARK: For a document

    /// Tables as Markdown, under headings of the second level.
    package var markdown: String {
        var text = ""
        for section in allSections where !section.tables.isEmpty {
            text += "## \(section.title.markdown)\n\n" + (section.note.isEmpty ? "" : section.note.markdown + "\n\n")
            for table in section.tables { text += (table.title.isEmpty ? "" : "**\(table.title.markdown)**\n\n") + table.markdown + "\n" }
        }
        return text
    }
}

extension String {
    fileprivate func wrapped(to width: Int) -> String {
        var lines = [""]
        for word in split(separator: " ") {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
