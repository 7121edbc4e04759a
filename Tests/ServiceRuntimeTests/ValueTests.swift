import ServiceRuntime
import Testing

@Suite struct DurationTextTests {
    @Test(
        "a duration is a whole number and a unit",
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("5s", .seconds(5)), ("30min", .seconds(1_800)), ("2h", .seconds(7_200)),
            ("1d", .seconds(86_400)), ("7us", .microseconds(7)), ("9ns", .nanoseconds(9)), ("0s", .zero), ("005s", .seconds(5)),
        ])
    func parsed(text: String, expected: Duration) throws { #expect(try DurationText.parse(text) == expected) }

    @Test(
        "what is no duration is refused with an example",
        arguments: [
            "", "5", "s", "5m", "5 s", "-5s", "1.5s", "5S", "5sec", "1h30min", "٣s", "9223372036854775807s", "99999999999999999999s", "5s ",
        ])
    func refused(text: String) {
        let error = #expect(throws: ValueProblem.self) { try DurationText.parse(text) }
        #expect(error?.remedy.isEmpty == false)
    }

    @Test("the greatest duration is read, and one more unit is refused")
    func greatest() throws {
        #expect(try DurationText.parse("9223372036854775807ns") == .nanoseconds(Int64.max))
        #expect(throws: ValueProblem.self) { try DurationText.parse("9223372036854775808ns") }
        #expect(throws: ValueProblem.self) { try DurationText.parse("9223372037s") }
    }

    @Test(
        "every duration shown is read back as itself",
        arguments: [0, 1, 999, 1_000, 60_000_000_000, 90_000_000_000, 1_500_000_000, Int64.max])
    func roundTrip(nanoseconds: Int64) throws {
        let duration = Duration.nanoseconds(nanoseconds)
        #expect(try DurationText.parse(DurationText.text(duration)) == duration)
    }

    @Test("the shortest exact form is shown")
    func shortest() {
        #expect(DurationText.text(.seconds(60)) == "1min")
        #expect(DurationText.text(.seconds(90)) == "90s")
        #expect(DurationText.text(.milliseconds(1_500)) == "1500ms")
        #expect(DurationText.text(.seconds(86_400)) == "1d")
        #expect(DurationText.text(.zero) == "0s")
    }
}

@Suite struct ByteSizeTextTests {
    @Test(
        "a size is a whole number and a unit, or bytes",
        arguments: [
            ("64KiB", 65_536), ("1024", 1_024), ("3B", 3), ("2MiB", 2 << 20), ("1GiB", 1 << 30), ("1kB", 1_000), ("5MB", 5_000_000),
            ("0", 0),
        ])
    func parsed(text: String, expected: Int) throws { #expect(try ByteSizeText.parse(text) == expected) }

    @Test(
        "ambiguous or impossible sizes are refused",
        arguments: ["", "K", "64K", "64KB", "1M", "1.5MiB", "-1", "8388608TiB", "99999999999999999999"])
    func refused(text: String) { #expect(throws: ValueProblem.self) { try ByteSizeText.parse(text) } }

    @Test("every size shown is read back as itself", arguments: [0, 1, 1_000, 1_024, 1_536, 1 << 40, (1 << 40) + 1, Int.max])
    func roundTrip(bytes: Int) throws { #expect(try ByteSizeText.parse(ByteSizeText.text(bytes)) == bytes) }
}

@Suite struct AddressTextTests {
    @Test("the parts of an address are told apart")
    func parts() throws {
        let tls = try AddressText("tls+tcp://router-0.routers:8100", rule: .peer)
        #expect((tls.scheme, tls.host, tls.port) == ("tls+tcp", "router-0.routers", 8_100))
        let six = try AddressText("tcp://[::1]:80", rule: .peer)
        #expect((six.scheme, six.host, six.port) == ("tcp", "::1", 80))
        let bare = try AddressText("0.0.0.0:0", rule: .http)
        #expect((bare.scheme, bare.host, bare.port) == ("", "0.0.0.0", 0))
    }

    @Test(
        "what cannot be dialled is refused",
        arguments: [
            "", "tcp://", "tcp://host", "tcp://host:", "tcp://:80", "tcp://host:0", "tcp://host:65536", "tcp://host:080000",
            "tcp://host:+80",
            "tcp://host:80/path", "tcp://::1:80", "tcp://[::1]", "tcp://[::1]80", "tcp://[host]:80", "tcp://[::1:80", "udp://host:80",
            "host:80",
            "tcp://ho st:80", "tcp://user@host:80", "TCP://host:80", "http://host:80", "tcp://hôst:80",
        ])
    func refused(text: String) {
        let error = #expect(throws: ValueProblem.self) { try AddressText(text, rule: .peer) }
        #expect(error?.remedy == "write tcp://HOST:PORT or tls+tcp://HOST:PORT")
    }

    @Test("an HTTP listener has no scheme", arguments: ["tcp://127.0.0.1:80", "http://127.0.0.1:80", ":80"])
    func refusedForHTTP(text: String) { #expect(throws: ValueProblem.self) { try AddressText(text, rule: .http) } }
}
