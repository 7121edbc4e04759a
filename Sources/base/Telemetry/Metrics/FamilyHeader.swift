/// What a family is called and how its series are labelled.
package struct FamilyHeader: Hashable, Sendable {
    package let name: String
    package let help: String
    /// In the order in which values are given.
    package let labelNames: [String]
    /// The same for every series.
    package let constantLabels: [MetricLabel]
    /// Labels are printed sorted by name, constant ones among the others.
    private let printed: [PrintedLabel]

    private enum PrintedLabel: Hashable {
        case constant(MetricLabel)
        case given(name: String, position: Int)

        var name: String {
            switch self {
            case .constant(let label): label.name
            case .given(let name, _): name
            }
        }
    }

    /// Names come from our code and from checked configuration: a wrong one is our mistake and traps.
    init(name: String, help: String, labelNames: [String], constantLabels: [MetricLabel], kind: MetricKind) {
        precondition(MetricName.isValid(name), "\(name) is not a metric name")
        precondition(!help.isEmpty, "metric \(name) needs a help text")
        let names = labelNames + constantLabels.map(\.name)
        for label in names {
            precondition(MetricName.isValidLabel(label), "metric \(name): \(label) is not a label name")
            precondition(kind != .histogram || label != "le", "metric \(name): the label le belongs to the buckets")
        }
        precondition(Set(names).count == names.count, "metric \(name) has a label twice")

        self.name = name
        self.help = help
        self.labelNames = labelNames
        self.constantLabels = constantLabels
        let given = labelNames.enumerated().map { PrintedLabel.given(name: $1, position: $0) }
        printed = (given + constantLabels.map(PrintedLabel.constant)).sorted { $0.name < $1.name }
    }

    func seriesText(_ values: [String]) -> SeriesText {
        var labels: [UInt8] = []
        for label in printed {
            if !labels.isEmpty { labels.append(UInt8(ascii: ",")) }
            switch label {
            case .constant(let constant): TextExposition.appendLabel(constant.name, constant.value, to: &labels)
            case .given(let name, let position): TextExposition.appendLabel(name, values[position], to: &labels)
            }
        }
        return SeriesText(name: name, labels: labels)
    }

    /// The values that differ between series, in printed order.
    func sortKey(_ values: [String]) -> [String] {
        printed.compactMap { label in
            if case .given(_, let position) = label { values[position] } else { nil }
        }
    }
}
