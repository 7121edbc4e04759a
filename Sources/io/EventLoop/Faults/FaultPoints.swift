// Places in the code at which a simulation may do harm, each named by what has happened there and what has not.
//
// They exist where `FAULT_POINTS` is defined: in debug builds, and in the build that `deploy/dev/simulate` makes for itself. In what ships
// a call is nothing, and no name of a place is in a program: `Tests/TidyTests` knows the list, `deploy/dev/simulate --check` the programs.

#if FAULT_POINTS
    extension Loop {
        package static let hasFaultPoints = true

        /// The process is at that place. A simulation may end it there, stop it, or break its links: what is said behind is not heard then.
        @LoopActor package final func reaches(_ point: StaticString) { faultPoints?.reached("\(point)", by: self) }

        /// Whether what follows is to be refused, as it is where there is no room for it.
        @LoopActor package final func fails(at point: StaticString) -> Bool { faultPoints?.fails(at: "\(point)", in: self) ?? false }

        /// Who is told from now on; not kept alive.
        package final func watchFaultPoints(_ watch: any FaultPointWatch) { faultPoints = watch }
    }
#else
    extension Loop {
        package static let hasFaultPoints = false

        package final func watchFaultPoints(_ watch: any FaultPointWatch) {}
    }

    // Not on `Loop`: a function that names a class of this package is not inlined in other modules, and the names would stay in programs.
    extension TaskExecutor {
        @inlinable @inline(__always)
        package func reaches(_ point: StaticString) {}

        @inlinable @inline(__always)
        package func fails(at point: StaticString) -> Bool { false }
    }
#endif

/// Who is told of the places that a process comes to, and may do harm there.
@LoopActor
package protocol FaultPointWatch: AnyObject, Sendable {
    func reached(_ point: String, by loop: Loop)
    func fails(at point: String, in loop: Loop) -> Bool
}
