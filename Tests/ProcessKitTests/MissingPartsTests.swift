import JSONText
import ProcessKit
import Telemetry
import Testing
import Transport

@Suite("What a process was not given")
struct MissingPartsTests {
    private func said(_ parts: MissingParts) throws -> String? {
        let kit = Kit()
        kit.context.log.info("listening", ["missing": parts.text])
        return try JSONValue(parsing: Array(try #require(kit.log.last).utf8))["missing"]?.asString
    }

    @Test("what is not there stands in the order in which it was asked for, and where all is there, nothing is missing")
    func names() throws {
        var parts = MissingParts()
        #expect(try said(parts) == "nothing")
        parts.note("one (--one)", unless: true)
        #expect(try said(parts) == "nothing")
        parts.note("two (--two)", unless: false)
        parts.note("three", unless: false)
        #expect(try said(parts) == "two (--two), three")
    }

    @Test("peers prove that they belong to the cluster with a secret, or with certificates")
    func proof() throws {
        let plain = Address(host: "127.0.0.1", port: 1), encrypted = Address(.tls, host: "127.0.0.1", port: 1)
        for (secret, address, missing) in [
            ("", plain, "proof of peers (--cluster-secret-file)"), ("", encrypted, "nothing"), ("of the cluster", plain, "nothing"),
        ] {
            var parts = MissingParts()
            parts.noteProof(Kit(secret: secret).context, at: address)
            #expect(try said(parts) == missing, "\(address)")
        }
    }
}
