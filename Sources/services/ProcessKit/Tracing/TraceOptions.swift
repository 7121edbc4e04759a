import ServiceRuntime
import Telemetry

/// Whether, and to whom, a process tells what its requests spent their time on.
struct TraceOptions: Sendable {
    private let endpoint: OptionKey<String?>
    private let ratio: OptionKey<Double>

    init(in table: inout OptionTable) {
        table.group("Traces")
        endpoint = table.optional(
            "otlp-endpoint", .text("URL", problem: Self.problem),
            help: "Sends spans to this collector by OTLP over HTTP, as JSON; without it none are made.",
            details: "http://127.0.0.1:4318 is where collectors listen by default. A host is a numeric address or localhost.")
        ratio = table.option(
            "trace-sample-ratio", .number(0...1), default: 1,
            help: "The share of requests that are traced, of those that come without a traceparent header; the others say so themselves.")
    }

    /// Nil: no traces.
    func settings(_ resolved: ResolvedConfiguration) throws(ValueProblem) -> (endpoint: OTLPEndpoint, sampler: TraceSampler)? {
        guard let text = resolved[endpoint] else { return nil }
        return (try OTLPEndpoint(text), TraceSampler(ratio: resolved[ratio]))
    }

    @Sendable private static func problem(_ text: String) -> ValueProblem? {
        do throws(ValueProblem) {
            _ = try OTLPEndpoint(text)
            return nil
        } catch { return error }
    }
}
