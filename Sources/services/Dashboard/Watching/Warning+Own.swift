import ProcessKit

/// What a frontend knows of itself and by itself.
extension Warning {
    /// - Parameter now: seconds since 1970.
    static func of(_ certificate: CertificateBook.Entry, at now: Int64) -> [Warning] {
        var found: [Warning] = []
        let subject = "this frontend's certificate for \(certificate.use.rawValue)", left = certificate.expires - now
        if left <= 0 {
            found.append(Warning(.certificateEnded, subject, "\(certificate.file) has ended: nobody new gets in who checks it"))
        } else if certificate.endsSoon(at: now) {
            found.append(Warning(.certificateEnds, subject, "\(certificate.file) ends in \(left / secondsOfDay) days"))
        }
        if let refusal = certificate.refusal {
            found.append(Warning(.certificateRefused, subject, "\(refusal); an earlier one is in force"))
        }
        return found
    }

    private static let secondsOfDay: Int64 = 86_400

    static func barred(_ worker: String, failures: Int) -> Warning {
        Warning(.workerBarred, worker, "it failed \(failures) requests in a row; this frontend gives it one now and then, to see")
    }
}
