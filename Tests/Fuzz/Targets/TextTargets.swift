import JSONText
import ServiceRuntime
import Transport

extension FuzzTarget {
    /// An address, and the one text that it is written as.
    static let address = FuzzTarget(name: "address", longest: 300) { bytes in
        guard let text = String(validating: bytes, as: UTF8.self), let address = try? Address(parsing: text) else { return }
        demand(!address.host.isEmpty && address.host.utf8.count <= 253, "the host has an impossible length")
        demand((try? Address(parsing: address.description)) == address, "the address is not read back from its own text")
    }

    /// A JSON text: what is accepted is written, in both styles, and read back the same.
    static let json = FuzzTarget(name: "json", longest: 4096) { bytes in
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch {
            demand(!"\(error)".isEmpty, "an error says nothing")
            return
        }
        demand(String(validating: bytes, as: UTF8.self) != nil, "a text that is no UTF-8 was accepted")
        for style in [JSONWriter.Style.compact, .pretty] {
            let written = value.encoded(style)
            demand((try? JSONValue(parsing: written)) == value, "the value is not read back from what was written")
        }
    }

    /// A configuration file: every mistake is a line that names the option, and the values that stand are within their bounds.
    static let config = FuzzTarget(name: "config", longest: 4096) { bytes in
        let contents = [UInt8](bytes)
        var table = OptionTable(ProcessDescription(name: "fuzz", summary: "Reads a file.", protocolVersion: "1.0"))
        let listen = table.option("listen", .address(.http), default: "127.0.0.1:8000", help: "Where clients connect.")
        let routers = table.list("router", .address(.peer), count: 0...3, help: "Routers to dial.")
        let entries = table.option("queue-entries", .integer(1...100), default: 50, help: "Waiting requests.")
        let time = table.option("queue-time", .duration(.milliseconds(1) ... .seconds(60)), default: .seconds(60), help: "How long.")
        let limit = table.option("body-limit", .bytes(1_024...(1 << 20)), default: 4_096, help: "Largest body.")
        let weight = table.option("overlap-weight", .number(0...100), default: 1, help: "A cached block's worth.")
        _ = table.flag("trace", help: "Writes each decision.")
        let files = FileReader { (_, _) throws(FileReadError) in contents }
        switch table.invocation(arguments: ["--config", "file.json"], environment: [:], files: files) {
        case .exit(let code, _, let diagnostics):
            demand(code == .ok || !diagnostics.isEmpty, "the file is refused without a reason")
        case .run(let configuration, _):
            demand((1...100).contains(configuration[entries]), "a number is out of its bounds")
            demand((.milliseconds(1) ... .seconds(60)).contains(configuration[time]), "a duration is out of its bounds")
            demand((1_024...(1 << 20)).contains(configuration[limit]), "a size is out of its bounds")
            demand((0...100).contains(configuration[weight]), "a weight is out of its bounds")
            demand(configuration[routers].count <= 3, "a list is longer than allowed")
            demand((try? AddressText(configuration[listen], rule: .http)) != nil, "an address that is none was accepted")
            demand((try? JSONValue(parsing: configuration.printed)) != nil, "the printed configuration is no JSON")
        }
    }
}
