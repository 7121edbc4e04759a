import Telemetry

/// What is told of this process's certificates, by what they are for.
struct CertificateMetrics: Sendable {
    /// What became of files that had changed.
    enum Reading: String, CaseIterable, Sendable { case taken, refused }

    private let expires: GaugeFamily
    private let inForce: GaugeFamily
    private let readings: CounterFamily

    init(registry: MetricsRegistry) {
        expires = registry.gaugeFamily(
            "apus_tls_certificate_expires_seconds", help: "When the certificate in force ends, in seconds since 1970.", labels: ["use"])
        inForce = registry.gaugeFamily(
            "apus_tls_files_in_force", help: "1 if the certificate's files as they stand are in force, 0 if earlier ones are.",
            labels: ["use"])
        readings = registry.counterFamily(
            "apus_tls_files_readings_total", help: "Changes of a certificate's files, by what became of them.", labels: ["use", "outcome"])
    }

    func began(_ use: CertificateUse, expires end: Int64) {
        for reading in Reading.allCases { _ = readings.labels(use.rawValue, reading.rawValue) }
        holds(use, expires: end)
    }

    func holds(_ use: CertificateUse, expires end: Int64) {
        expires.labels(use.rawValue).set(Double(end))
        inForce.labels(use.rawValue).set(1)
    }

    func stale(_ use: CertificateUse) { inForce.labels(use.rawValue).set(0) }
    func read(_ use: CertificateUse, _ reading: Reading) { readings.labels(use.rawValue, reading.rawValue).increment() }
}

/// What a set of certificates is for; the words are labels of metrics and fields of log lines.
package enum CertificateUse: String, Sendable { case links, clients, admin }
