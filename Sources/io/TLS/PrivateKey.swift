internal import CTLS

/// A key without a password: whoever can read the file has it, so its mode is what guards it.
final class PrivateKey {
    let raw: UnsafeMutablePointer<mbedtls_pk_context>

    init(_ file: PEMFile) throws(TLSFault) {
        raw = .allocate(capacity: 1)
        mbedtls_pk_init(raw)
        var text = file.text
        let status = mbedtls_pk_parse_key(raw, text, text.count, nil, 0)
        text.withUnsafeMutableBytes { mbedtls_platform_zeroize($0.baseAddress, $0.count) }
        switch status {
        case 0: return
        case MBEDTLS_ERR_PK_PASSWORD_REQUIRED, MBEDTLS_ERR_PK_PASSWORD_MISMATCH:
            throw TLSFault(file.path, "the key has a password; give one without, in a file that only this process may read")
        default: throw TLSFault(file.path, "no private key in PEM: \(TLSFailure.text(of: status))")
        }
    }

    deinit {
        mbedtls_pk_free(raw)
        raw.deallocate()
    }

    func isKey(of chain: CertificateChain) -> Bool { mbedtls_pk_check_pair(&chain.raw.pointee.pk, raw) == 0 }
}
