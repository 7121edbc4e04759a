package import ServiceRuntime
package import TLS
package import Transport

/// The files of one use of certificates, read while options are: `--check-config` finds what is wrong in them.
package struct CertificateOptions: Sendable {
    private let authority: OptionKey<PEMFile?>
    let certificate: OptionKey<PEMFile?>
    let key: OptionKey<PEMFile?>

    /// The links' set: each side shows a certificate, and asks for one.
    package static func ofLinks(in table: inout OptionTable) -> CertificateOptions {
        CertificateOptions(
            &table, "tls", authorityName: "tls-ca-file", authorityHelp: "Certificate authority, PEM; needed for tls+tcp:// addresses.",
            certificateHelp: "This process's certificate, PEM. The files are read again when they change.", isAuthorityNeeded: true)
    }

    /// The clients' set: they are asked for certificates only if there is an authority for theirs.
    package static func ofClients(in table: inout OptionTable) -> CertificateOptions {
        CertificateOptions(
            &table, "https", authorityName: "https-client-ca-file",
            authorityHelp: "Certificate authority, PEM: only clients with a certificate of it get in.",
            certificateHelp:
                "Serves HTTPS on --listen with this certificate and its chain, PEM. The files are read again when they change.",
            isAuthorityNeeded: false)
    }

    /// The admin side's set, as the clients'.
    static func ofAdmin(in table: inout OptionTable) -> CertificateOptions {
        CertificateOptions(
            &table, "admin-https", authorityName: "admin-https-client-ca-file",
            authorityHelp: "Certificate authority, PEM: only who has a certificate of it gets to the admin side, probes and scrapers too.",
            certificateHelp:
                "Serves HTTPS on --admin-listen with this certificate and its chain, PEM. The files are read again when they change.",
            isAuthorityNeeded: false)
    }

    private init(
        _ table: inout OptionTable, _ prefix: String, authorityName: String, authorityHelp: String, certificateHelp: String,
        isAuthorityNeeded: Bool
    ) {
        authority = table.optional(authorityName, Self.syntax, help: authorityHelp)
        certificate = table.optional("\(prefix)-cert-file", Self.syntax, help: certificateHelp)
        key = table.optional("\(prefix)-key-file", Self.syntax, help: "Its key, PEM.")
        table.check(authority, certificate, key) { [self] resolved in
            let given = [resolved[certificate], resolved[key]].compactMap { $0 }.count
            let names = (isAuthorityNeeded ? [authorityName] : []) + ["\(prefix)-cert-file", "\(prefix)-key-file"]
            let hasAuthority = resolved[authority] != nil
            if given == 1 || (given == 0 && hasAuthority) || (given == 2 && isAuthorityNeeded && !hasAuthority) {
                return [
                    resolved.issue(
                        certificate, problem: "only some of the files of TLS are given",
                        remedy: "give \(names.dropLast().joined(separator: ", ")) and \(names.last ?? "") together")
                ]
            }
            guard let set = set(resolved) else { return [] }
            do throws(TLSFault) { _ = try TLSIdentity.end(of: set) } catch {
                return [
                    resolved.issue(certificate, problem: "\(error)", remedy: "put a certificate, its key and its authority there, in PEM")
                ]
            }
            return []
        }
    }

    /// Nil where there is to be no TLS.
    package func set(_ resolved: ResolvedConfiguration) -> CertificateSet? {
        guard let certificate = resolved[certificate], let key = resolved[key] else { return nil }
        return CertificateSet(certificate: certificate, key: key, authority: resolved[authority])
    }

    /// The same as links take it.
    package func texts(_ resolved: ResolvedConfiguration) -> TLSTexts? { set(resolved).map(TLSTexts.init) }

    private static let syntax = ValueSyntax<PEMFile>(placeholder: "PATH") { raw, reader throws(ValueProblem) in
        guard case .text(let path) = raw, !path.isEmpty else {
            throw ValueProblem("it is no path", remedy: "write the path of a file in PEM")
        }
        do throws(FileReadError) { return PEMFile(path, try reader.read(path, TLSLimits.fileBytes)) } catch {
            throw ValueProblem(error.description, remedy: "make the file readable to this process, or correct the path")
        }
    } show: {
        .text($0.path)
    }
}

extension TLSTexts {
    init(_ set: CertificateSet) {
        self.init(
            authority: .init(set.authority?.path ?? "", set.authority?.bytes ?? []),
            certificate: .init(set.certificate.path, set.certificate.bytes), key: .init(set.key.path, set.key.bytes))
    }
}
