import ClusterModel

/// Who may use this frontend, as the file in force says: every tenant with its salt, and what finds it by a key. A value: requests that began
/// under one book end under it.
struct TenantBook: Sendable {
    let file: TenantFile
    /// In the file's order, with salts.
    let tenants: [Tenant]
    private let keys: KeyTable

    /// - Parameters:
    ///   - secret: the cluster's; tenants are kept apart with it as soon as there is more than one.
    ///   - seed: drawn for this process.
    init(_ file: TenantFile, secret: [UInt8], seed: UInt64) throws(TenantFileError) {
        self.file = file
        var tenants = file.tenants
        if tenants.count > 1 {
            for place in tenants.indices {
                do throws(CacheSaltError) {
                    tenants[place].salt = try CacheSalt.of(group: tenants[place].cacheGroup, secret: secret)
                } catch { throw TenantFileError(faults: [TenantFault(path: "tenants", problem: Self.unsalted)]) }
            }
        }
        self.tenants = tenants
        keys = KeyTable(file.keys.map { ($0.digest, $0.tenant) }, seed: seed)
    }

    static let unsalted = "more than one tenant needs a cluster secret, which keeps apart what is cached for each"

    func tenant(of key: Digest) -> Tenant? { keys.tenant(of: key).map { tenants[$0] } }
}
