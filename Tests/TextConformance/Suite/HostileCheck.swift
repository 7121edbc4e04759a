import ClusterModel
import Glibc
import JSONText
import TextProcessing

/// What templates that want to cost too much do cost (T9): the processor time of each, read and rendered as a request's is. The templates are those
/// of `TextProcessingTests`, and as many by seed again. Ends with 1 if one takes longer than a request may.
///
///     textcheck hostile-templates [SEED]
enum HostileCheck {
    private static let mostSeconds = 0.05
    private static let atLeast = 200
    private static let shown = 5
    /// Of each the least time: what else the machine does is no template's fault.
    private static let tries = 3

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        let seed = arguments.first.flatMap { UInt64($0) } ?? 1
        var random = SeededRandom(seed: seed)
        let sources = HostileTemplates.endless + HostileTemplates.endless.map { _ in HostileTemplates.made(&random) }
        let costs = sources.map { source in (source, least(source)) }.sorted { $0.1 > $1.1 }
        let slow = costs.count { $0.1 > mostSeconds }
        print(
            "\(costs.count) hostile templates, half of them by seed \(seed): \(milliseconds(costs[0].1)) the slowest, "
                + "\(milliseconds(costs[costs.count / 2].1)) the median, \(slow) over \(milliseconds(mostSeconds))")
        for (source, seconds) in costs.prefix(shown) { print("  \(milliseconds(seconds))  \(source.prefix(100).filter { $0 != "\n" })") }
        return slow == 0 && costs.count >= atLeast
    }

    private static func least(_ source: String) -> Double {
        (0..<tries).map { _ in
            let start = now()
            // How it ends does not matter here: TextProcessingTests judges that.
            _ = try? render(source)
            return now() - start
        }.min() ?? 0
    }

    private static func render(_ source: String) throws(TemplateError) {
        let template = try JinjaTemplate(source: Array(source.utf8), specials: [])
        let variables = template.variables(HostileTemplates.variables.asObject ?? JSONObject())
        _ = try template.render(variables, TemplateContext(unixSeconds: 1_767_323_045), steps: TextLimits.templateSteps)
    }

    private static func milliseconds(_ seconds: Double) -> String {
        let tenths = Int(seconds * 10_000)
        return "\(tenths / 10).\(tenths % 10) ms"
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
