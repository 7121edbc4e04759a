/// Colours and type of charts, for light and dark surroundings.
///
/// Eight hues that people with any colour vision tell apart in this order; what comes after them is dashed as well, and every line is named in words.
enum ChartStyle {
    /// Narrow, so that on a phone the type is still to be read; on a page two stand side by side.
    static let width = 480.0
    static let height = 310.0
    static let legendRoom = width - 30
    static let titleLetters = 54

    static let light = ["#2a78d6", "#1baf7a", "#eda100", "#008300", "#4a3aa7", "#e34948", "#e87ba4", "#eb6834"]
    static let dark = ["#3987e5", "#199e70", "#c98500", "#2ba02b", "#9085e9", "#e66767", "#d55181", "#d95926"]

    /// Rules for the classes that charts use. The page has them once; a chart in its own file brings them along.
    static var rules: String {
        func colours(_ list: [String]) -> String {
            list.enumerated().map { ".s\($0.offset){stroke:\($0.element)}.f\($0.offset){fill:\($0.element)}" }.joined()
        }
        return """
            .chart text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#52514e}.chart .title{font-weight:600;font-size:15px;fill:#1f1e1b}
            .chart .grid{stroke:#e4e3de;stroke-width:1}.chart .axis{stroke:#a9a79f;stroke-width:1}.chart .back{fill:#fcfcfb}
            .chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.chart .dash{stroke-dasharray:6 4}
            \(colours(light))
            @media (prefers-color-scheme:dark){.chart text{fill:#b9b7ae}.chart .title{fill:#f3f2ee}.chart .grid{stroke:#33322f}.chart .axis{stroke:#6b6962}\
            .chart .back{fill:#1a1a19}
            \(colours(dark))}
            """
    }

    static func colour(_ index: Int) -> Int { index % light.count }
    static func isDashed(_ index: Int) -> Bool { (index / light.count) % 2 == 1 }
}
