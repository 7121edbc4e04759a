internal import CTLS

/// Who a server is to those that connect over TLS, and whom it lets in: made once from files, and shared by the connections that began with it.
///
/// TLS 1.2, with suites of forward secrecy and authenticated encryption only; HTTP/1.1 is the one protocol that it agrees to. (mbedTLS 2.28
/// speaks no 1.3.) No renegotiation, no session tickets, no compression.
package final class TLSIdentity: @unchecked Sendable {
    // Safety: nothing changes once it is made, but for what mbedTLS keeps in an RSA key, which it locks itself.

    /// When it ends; seconds since 1970. Of a chain: the first of its certificates that does.
    package let expires: Int64
    package let asksForCertificates: Bool
    let configuration: UnsafeMutablePointer<mbedtls_ssl_config>
    private let chain: CertificateChain
    private let key: PrivateKey
    private let authority: CertificateChain?
    private let constants = Constants()

    /// `now`: seconds since 1970. One that has ended, or not begun, is refused: nobody would believe it.
    package init(_ set: CertificateSet, now: Int64 = TLSIdentity.wallClock()) throws(TLSFault) {
        let (chain, key, expires) = try Self.check(set, now: now)
        let authority: CertificateChain?
        if let file = set.authority { authority = try CertificateChain(file) } else { authority = nil }
        self.chain = chain
        self.key = key
        self.authority = authority
        self.expires = expires
        asksForCertificates = authority != nil
        configuration = .allocate(capacity: 1)
        mbedtls_ssl_config_init(configuration)
        var status = mbedtls_ssl_config_defaults(
            configuration, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT)
        mbedtls_ssl_conf_rng(configuration, ctls_random, nil)
        mbedtls_ssl_conf_min_version(configuration, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3)
        mbedtls_ssl_conf_max_version(configuration, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3)
        mbedtls_ssl_conf_ciphersuites(configuration, constants.suites)
        mbedtls_ssl_conf_curves(configuration, constants.curves)
        mbedtls_ssl_conf_renegotiation(configuration, MBEDTLS_SSL_RENEGOTIATION_DISABLED)
        mbedtls_ssl_conf_session_tickets(configuration, MBEDTLS_SSL_SESSION_TICKETS_DISABLED)
        if status == 0 { status = mbedtls_ssl_conf_alpn_protocols(configuration, constants.protocols) }
        if status == 0 { status = mbedtls_ssl_conf_own_cert(configuration, chain.raw, key.raw) }
        mbedtls_ssl_conf_authmode(configuration, authority == nil ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED)
        if let authority { mbedtls_ssl_conf_ca_chain(configuration, authority.raw, nil) }
        guard status == 0 else { throw TLSFault(set.certificate.path, TLSFailure.text(of: status)) }
    }

    deinit {
        mbedtls_ssl_config_free(configuration)
        configuration.deallocate()
    }

    /// Whether a set can be used, by whichever library; gives when it ends. The authority is read, too.
    package static func end(of set: CertificateSet, now: Int64 = TLSIdentity.wallClock()) throws(TLSFault) -> Int64 {
        if let authority = set.authority { _ = try CertificateChain(authority) }
        return try check(set, now: now).expires
    }

    /// What mbedTLS judges peers' certificates by, too; options are read where no loop is.
    package static func wallClock() -> Int64 { ctls_seconds() }

    private static func check(
        _ set: CertificateSet, now: Int64
    ) throws(TLSFault) -> (chain: CertificateChain, key: PrivateKey, expires: Int64) {
        let chain = try CertificateChain(set.certificate), key = try PrivateKey(set.key)
        guard key.isKey(of: chain) else { throw TLSFault(set.key.path, "it is not the key of the certificate in \(set.certificate.path)") }
        let span = try chain.span
        guard now >= span.lowerBound else { throw TLSFault(set.certificate.path, "the certificate is not valid yet") }
        guard now < span.upperBound else { throw TLSFault(set.certificate.path, "the certificate has ended") }
        return (chain, key, span.upperBound)
    }

    /// Lists that mbedTLS does not copy.
    private final class Constants {
        let suites = list([
            MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0,
        ])
        let curves = list([
            MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE,
        ])
        private let name = list("http/1.1".utf8.map { CChar(bitPattern: $0) } + [0])
        let protocols: UnsafeMutablePointer<UnsafePointer<CChar>?>

        init() { protocols = Self.list([UnsafePointer(name), nil]) }

        deinit {
            suites.deallocate()
            curves.deallocate()
            name.deallocate()
            protocols.deallocate()
        }

        private static func list<Element>(_ values: [Element]) -> UnsafeMutablePointer<Element> {
            let list = UnsafeMutablePointer<Element>.allocate(capacity: values.count)
            for (index, value) in values.enumerated() { (list + index).initialize(to: value) }
            return list
        }
    }
}
