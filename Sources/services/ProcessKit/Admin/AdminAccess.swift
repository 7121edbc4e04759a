package import ServiceRuntime
package import TLS

/// Who may use the admin side beside this machine, and how it is encrypted.
package struct AdminAccess: Sendable {
    /// As it was read at the start, and where it is read again; nil: beyond loopback there are only metrics and health.
    package var token: (value: AdminToken, file: WatchedFile)?
    /// Nil: it speaks plain HTTP.
    package var certificates: CertificateSet?

    package init() {}
}
