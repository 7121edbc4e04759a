extension LoadReport {
    /// One file: no script, nothing from elsewhere, and a policy that forbids both, since names and error codes come from others.
    package var html: String {
        let facts = self.facts.map { "<dt>\($0.name.markup)</dt><dd>\($0.value.markup)</dd>" }.joined(separator: "\n")
        let tiles = figures.map { "<li><b>\($0.value.markup)</b><span>\($0.name.markup)</span></li>" }.joined(separator: "\n")
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <title>\(title.markup)</title>
            <style>
            \(PageStyle.rules)
            \(ChartStyle.rules)
            </style></head>
            <body><main>
            <h1>\(title.markup)</h1>
            \(facts.isEmpty ? "" : "<dl class=\"facts\">\n\(facts)\n</dl>")
            \(tiles.isEmpty ? "" : "<ul class=\"tiles\">\n\(tiles)\n</ul>")
            \(allSections.map(Self.page).joined(separator: "\n"))
            <footer>Made by Apus. Percentiles are those of all requests counted, to a thousandth of their size.</footer>
            </main></body></html>

            """
    }

    /// What one looks for first.
    private var figures: [Fact] {
        guard let summary else { return [] }
        let first = summary[.firstToken], between = summary[.betweenTokens]
        var figures = [
            Fact("good requests", NumberStyle.share.text(summary.counts.goodShare)),
            Fact("goodput", NumberStyle.rate.text(summary.goodPerSecond)),
        ]
        if let median = first.percentile(50), let tail = first.percentile(99) {
            figures += [Fact("first token, p50", median.shortText), Fact("first token, p99", tail.shortText)]
        }
        if let median = between.percentile(50), let tail = between.percentile(99) {
            figures += [Fact("between tokens, p50", median.shortText), Fact("between tokens, p99", tail.shortText)]
        }
        figures.append(Fact("output tokens", NumberStyle.rate.text(summary.outputTokensPerSecond)))
        if let cached = summary.counts.cachedShare { figures.append(Fact("prompt tokens cached", NumberStyle.share.text(cached))) }
        return figures
    }

    private static func page(_ section: ReportSection) -> String {
        let charts = section.charts.map { chart in
            """
            <figure class="card">\(chart.drawn(isAlone: false))
            <details><summary>\(chart.title.markup) as a table</summary>\(chart.table.html)</details></figure>
            """
        }
        return """
            <section><h2>\(section.title.markup)</h2>
            \(section.note.isEmpty ? "" : "<p>\(section.note.markup)</p>")
            \(section.tables.map(\.html).joined())
            \(charts.isEmpty ? "" : "<div class=\"charts\">\n\(charts.joined(separator: "\n"))\n</div>")
            </section>
            """
    }
}
