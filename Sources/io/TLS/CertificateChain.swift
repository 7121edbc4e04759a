internal import CTLS

/// Certificates in the order of their file.
final class CertificateChain {
    let raw: UnsafeMutablePointer<mbedtls_x509_crt>
    private let path: String

    init(_ file: PEMFile) throws(TLSFault) {
        path = file.path
        raw = .allocate(capacity: 1)
        mbedtls_x509_crt_init(raw)
        let text = file.text, status = mbedtls_x509_crt_parse(raw, text, text.count)
        // Above zero: so many of them could not be read. A chain with a hole serves nobody.
        guard status == 0, raw.pointee.raw.p != nil else {
            throw TLSFault(
                file.path,
                status < 0 ? "no certificate in PEM: \(TLSFailure.text(of: status))" : "\(status) certificates of it cannot be read")
        }
    }

    deinit {
        mbedtls_x509_crt_free(raw)
        raw.deallocate()
    }

    /// When the first of them begins to be no longer valid, and when the last began to be; seconds since 1970.
    var span: ClosedRange<Int64> {
        get throws(TLSFault) {
            var start = Int64.min, end = Int64.max, next: UnsafeMutablePointer<mbedtls_x509_crt>? = raw
            while let certificate = next {
                start = max(start, Self.seconds(certificate.pointee.valid_from))
                end = min(end, Self.seconds(certificate.pointee.valid_to))
                next = certificate.pointee.next
            }
            guard start <= end else { throw TLSFault(path, "its certificates are never valid at one time") }
            return start...end
        }
    }

    /// Of the Gregorian calendar, as certificates write it.
    private static func seconds(_ time: mbedtls_x509_time) -> Int64 {
        // Years begin in March here, so that the leap day is the last one of its year.
        let year = Int64(time.year) - (time.mon <= 2 ? 1 : 0), month = (Int64(time.mon) + 9) % 12
        let dayOfYear = (153 * month + 2) / 5 + Int64(time.day) - 1
        let days = year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
        return ((days * 24 + Int64(time.hour)) * 60 + Int64(time.min)) * 60 + Int64(time.sec)
    }
}
