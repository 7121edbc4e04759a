package import EventLoop

/// The certificates of this process, as their watches judge them: for whoever shows them.
@LoopActor
package final class CertificateBook {
    package struct Entry: Sendable {
        package let use: CertificateUse
        package let file: String
        /// Of the certificate in force; seconds since 1970.
        package let expires: Int64
        /// Why its files as they stand are not in force; nil: they are.
        package var refusal: String?

        /// Whether somebody should see to it; `now` in seconds since 1970.
        package func endsSoon(at now: Int64) -> Bool { expires - now < CertificateLimits.warnedSeconds }
    }

    private var held: [CertificateUse: Entry] = [:]

    nonisolated init() {}

    package var entries: [Entry] { held.values.sorted { $0.use.rawValue < $1.use.rawValue } }

    func holds(_ use: CertificateUse, file: String, expires: Int64) {
        held[use] = Entry(use: use, file: file, expires: expires, refusal: nil)
    }

    func refused(_ use: CertificateUse, _ reason: String) { held[use]?.refusal = reason }
}
