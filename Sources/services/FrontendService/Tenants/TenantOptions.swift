import ClusterModel
import ServiceRuntime
import Transport

/// What a frontend is told of tenants at its start.
struct TenantSettings: Sendable {
    /// As it was read at the start; nil: there are no tenants, and nobody needs a key.
    var given: TenantFile?
    /// Read again when it changes.
    var file: WatchedFile?

    init() {}
}

/// The options of a frontend's tenants.
struct TenantOptions: Sendable {
    /// A file that was read while options were: `--check-config` finds what is wrong in it.
    struct Given: Sendable {
        let path: String
        let content: Result<TenantFile, TenantFileError>
    }

    private let file: OptionKey<Given?>
    private let allowsAnonymous: OptionKey<Bool>

    init(in table: inout OptionTable) {
        table.group("Tenants")
        file = table.optional(
            "tenants-file", Self.syntax,
            help: "JSON file of who may use the frontend: digests of keys, models, priorities, limits. It is read again when it changes.",
            details: "Without one nobody needs a key, and the frontend listens on loopback only, unless --allow-anonymous is given.")
        allowsAnonymous = table.flag(
            "allow-anonymous",
            help: "Serves whoever can connect, on any address, without a key: for networks where something else asks for it.")
    }

    /// Rules over several options, declared when all of them are.
    func check(_ table: inout OptionTable, listen: OptionKey<String>, secret: OptionKey<Secret?>) {
        table.check(file, secret) { [file] resolved in
            guard let given = resolved[file] else { return [] }
            switch given.content {
            case .failure(let error): return error.faults.map { issue(resolved, $0) }
            case .success(let content):
                do throws(TenantFileError) {
                    _ = try TenantBook(content, secret: resolved[secret]?.bytes ?? [], seed: 0)
                    return []
                } catch {
                    let remedy = "give --cluster-secret-file, the same for all processes of the cluster"
                    return error.faults.map { resolved.issue(file, problem: "\($0)", remedy: remedy) }
                }
            }
        }
        table.check(listen, file, allowsAnonymous) { [file, allowsAnonymous] resolved in
            let address = try? AddressText(resolved[listen], rule: .http)
            if resolved[file] != nil, resolved[allowsAnonymous] {
                return [
                    resolved.issue(
                        allowsAnonymous, problem: "there is a tenants file, so everybody needs a key", remedy: "leave one of the two out")
                ]
            }
            guard resolved[file] == nil, !resolved[allowsAnonymous], let address, !Address(host: address.host, port: 0).isLoopback else {
                return []
            }
            return [
                resolved.issue(
                    listen, problem: "beyond loopback whoever can connect could use the cluster",
                    remedy: "give --tenants-file with the keys of who may, listen on 127.0.0.1, or say --allow-anonymous")
            ]
        }
    }

    private func issue(_ resolved: ResolvedConfiguration, _ fault: TenantFault) -> ConfigIssue {
        resolved.issue(file, problem: "\(fault)", remedy: "mend the file")
    }

    func settings(_ resolved: ResolvedConfiguration) throws -> TenantSettings {
        var settings = TenantSettings()
        guard let given = resolved[file] else { return settings }
        settings.given = try given.content.get()
        settings.file = WatchedFile(given.path)
        return settings
    }

    private static let syntax = ValueSyntax<Given>(placeholder: "PATH") { raw, reader throws(ValueProblem) in
        guard case .text(let path) = raw, !path.isEmpty else {
            throw ValueProblem("it is no path", remedy: "write the path of the tenants' file")
        }
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try reader.read(path, TenantLimits.fileBytes) } catch {
            throw ValueProblem(error.description, remedy: "make the file readable to this process, or correct the path")
        }
        do throws(TenantFileError) { return Given(path: path, content: .success(try TenantFile(parsing: bytes))) } catch {
            return Given(path: path, content: .failure(error))
        }
    } show: {
        .text($0.path)
    }
}
