import CSys

/// The date that the system has, for what is read before there is a loop. Whoever has one asks it: a simulation has dates of its own.
package enum SystemDate {
    /// Since 1970.
    package static var seconds: Int64 { apus_wall_nanoseconds() / 1_000_000_000 }
}
