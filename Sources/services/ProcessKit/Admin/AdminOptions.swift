import ServiceRuntime
import Transport

/// The options of the admin side's token and certificates.
struct AdminOptions: Sendable {
    private let token: OptionKey<Secret?>
    private let certificates: CertificateOptions

    init(in table: inout OptionTable, listen: OptionKey<String>) {
        table.group("Admin side")
        token = table.secret(
            "admin-token", help: "File of the token that opens all of the admin side, on any address. It is read again when it changes.",
            details: "Without one everybody on this machine may use it, and beyond loopback only /metrics and health are served.")
        certificates = .ofAdmin(in: &table)
        table.check(token) { [token] resolved in
            guard let secret = resolved[token] else { return [] }
            do throws(ValueProblem) { _ = try AdminToken(secret.bytes) } catch {
                return [resolved.issue(token, problem: error.problem, remedy: error.remedy)]
            }
            return []
        }
        table.check(token, listen, certificates.certificate, certificates.key) { [token, certificates] resolved in
            guard resolved[token] != nil, certificates.set(resolved) == nil, let address = try? AddressText(resolved[listen], rule: .http),
                !Address(host: address.host, port: 0).isLoopback
            else { return [] }
            return [
                resolved.issue(
                    token, problem: "beyond loopback the token could be read on its way",
                    remedy: "give admin-https-cert-file and admin-https-key-file, or listen on 127.0.0.1 behind what speaks HTTPS there")
            ]
        }
    }

    func access(_ resolved: ResolvedConfiguration) throws(ValueProblem) -> AdminAccess {
        var access = AdminAccess()
        if let secret = resolved[token] { access.token = (try AdminToken(secret.bytes), WatchedFile(secret.path)) }
        access.certificates = certificates.set(resolved)
        return access
    }
}
