import ClusterModel
import JSONText
import Telemetry

/// Spans in the words of OTLP/HTTP with JSON: ids in hexadecimal, times and whole numbers as decimal strings.
struct OTLPDocument: Sendable {
    /// Who tells: the same in every message of a process.
    struct Resource: Hashable, Sendable {
        var serviceName: String
        /// The cluster.
        var serviceNamespace: String
        /// Of this life of the process.
        var serviceInstance: String
        var serviceVersion: String
    }

    let resource: Resource

    func bytes(of spans: [Span]) -> [UInt8] {
        var json = JSONWriter(appendingTo: [])
        json.beginObject()
        json.key("resourceSpans")
        json.beginArray()
        json.beginObject()
        json.key("resource")
        json.beginObject()
        json.key("attributes")
        json.beginArray()
        write("service.name", .text(resource.serviceName), &json)
        write("service.namespace", .text(resource.serviceNamespace), &json)
        write("service.instance.id", .text(resource.serviceInstance), &json)
        write("service.version", .text(resource.serviceVersion), &json)
        json.endArray()
        json.endObject()
        json.key("scopeSpans")
        json.beginArray()
        json.beginObject()
        json.key("scope")
        json.beginObject()
        json.key("name")
        json.string("apus")
        json.key("version")
        json.string(resource.serviceVersion)
        json.endObject()
        json.key("spans")
        json.beginArray()
        for span in spans { write(span, &json) }
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
        return json.finish()
    }

    private func write(_ span: Span, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("traceId")
        json.string(span.trace.description)
        json.key("spanId")
        json.string(span.id.description)
        if let parent = span.parent {
            json.key("parentSpanId")
            json.string(parent.description)
        }
        json.key("name")
        json.string(span.name)
        json.key("kind")
        json.number(span.kind.rawValue)
        json.key("startTimeUnixNano")
        json.string(String(span.startNanoseconds))
        json.key("endTimeUnixNano")
        json.string(String(span.endNanoseconds))
        json.key("attributes")
        json.beginArray()
        for attribute in span.attributes { write(attribute.key, attribute.value, &json) }
        json.endArray()
        if case .error(let message) = span.status {
            json.key("status")
            json.beginObject()
            json.key("code")
            json.number(Self.statusError)
            json.key("message")
            json.string(message)
            json.endObject()
        }
        json.endObject()
    }

    private static let statusError = 2

    private func write(_ key: String, _ value: Span.Value, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("key")
        json.string(key)
        json.key("value")
        json.beginObject()
        switch value {
        case .text(let text):
            json.key("stringValue")
            json.string(text)
        case .id(let id):
            json.key("stringValue")
            json.string(Hexadecimal.text(id))
        case .integer(let number):
            json.key("intValue")
            json.string(String(number))
        case .number(let number):
            json.key("doubleValue")
            json.number(number)
        case .flag(let flag):
            json.key("boolValue")
            json.bool(flag)
        }
        json.endObject()
        json.endObject()
    }

    /// Of a collector's answer: how many spans it took and threw away, and why.
    static func rejected(in body: [UInt8]) -> (count: Int, reason: String) {
        guard let document = try? JSONValue(parsing: body), let partial = document["partialSuccess"] else { return (0, "") }
        let count = partial["rejectedSpans"].flatMap { $0.asInt ?? $0.asString.flatMap { Int($0) } } ?? 0
        return (max(0, count), partial["errorMessage"]?.asString ?? "")
    }
}
