/// What a machine does not let us do, so that a case is left out: this is the reason that is told.
struct NotPermitted: Error, CustomStringConvertible { let description: String }
