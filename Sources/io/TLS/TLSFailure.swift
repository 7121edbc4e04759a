internal import CTLS

/// Why a client did not get in, or was cut off.
package struct TLSFailure: Error, Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// It spoke something else, HTTP as a rule.
        case plain
        /// It showed no certificate, or one that is not believed.
        case certificate
        /// It speaks no TLS 1.2, or none of the suites, curves and protocols that are offered.
        case terms
        /// It said that it does not want us: our certificate, as a rule.
        case declined
        /// It left, or did not come to an end in time.
        case left
        /// It broke the protocol.
        case broken
    }

    package let kind: Kind
    /// For a log line: our words, and nothing that the client sent.
    package let reason: String

    static let plain = TLSFailure(kind: .plain, reason: "the client does not speak TLS")
    static let left = TLSFailure(kind: .left, reason: "the client left during the handshake")
    static let noMemory = TLSFailure(kind: .broken, reason: "out of memory")

    private init(kind: Kind, reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// `doubts`: what is wrong with the client's certificate, in mbedTLS's bits. `alert`: the last one that came.
    init(_ status: Int32, doubts: UInt32, alert: UInt8) {
        switch status {
        case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED: self.init(kind: .certificate, reason: Self.text(of: doubts))
        case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE: self.init(kind: .certificate, reason: "the client showed no certificate")
        case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION: self.init(kind: .terms, reason: "the client speaks no TLS 1.2")
        case MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN, MBEDTLS_ERR_SSL_NO_USABLE_CIPHERSUITE:
            self.init(kind: .terms, reason: "the client offers none of the cipher suites and curves that are spoken here")
        case MBEDTLS_ERR_SSL_BAD_HS_CLIENT_HELLO:
            self.init(kind: .terms, reason: "the client's greeting makes no sense, or offers other protocols than http/1.1")
        case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
            self.init(kind: .declined, reason: "the client declined: \(Self.words(ofAlert: alert))")
        case MBEDTLS_ERR_SSL_CONN_EOF: self = .left
        default: self.init(kind: .broken, reason: Self.text(of: status))
        }
    }

    /// mbedTLS's words for one of its errors.
    static func text(of status: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 160) { text in
            guard let start = text.baseAddress else { return "error \(status)" }
            mbedtls_strerror(status, start, text.count)
            return String(cString: start)
        }
    }

    private static func text(of doubts: UInt32) -> String {
        let known: [(Int32, String)] = [
            (MBEDTLS_X509_BADCERT_EXPIRED, "it has ended"), (MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet"),
            (MBEDTLS_X509_BADCERT_NOT_TRUSTED, "its authority is not one that is believed here"),
            (MBEDTLS_X509_BADCERT_REVOKED, "it was revoked"),
            (MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "it is not made for clients"),
            (MBEDTLS_X509_BADCERT_KEY_USAGE, "its key is not made for signing"),
            (MBEDTLS_X509_BADCERT_BAD_KEY, "its key is too weak"), (MBEDTLS_X509_BADCERT_BAD_MD, "its signature is too weak"),
        ]
        let told = known.filter { doubts & UInt32(bitPattern: $0.0) != 0 }.map(\.1)
        return "the client's certificate is not believed: " + (told.isEmpty ? "it cannot be verified" : told.joined(separator: ", "))
    }

    private static func words(ofAlert alert: UInt8) -> String {
        switch Int32(alert) {
        case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA: "it does not know the authority of this certificate"
        case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED: "it holds this certificate for ended"
        case MBEDTLS_SSL_ALERT_MSG_BAD_CERT, MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN: "it does not believe this certificate"
        case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION: "it speaks no TLS 1.2"
        default: "alert \(alert)"
        }
    }
}
