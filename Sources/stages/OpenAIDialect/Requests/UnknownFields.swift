/// Members that are accepted and mean nothing here.
package struct UnknownFields: Hashable, Sendable {
    package private(set) var count = 0
    /// The first few, as paths; names that are long or not plain stand as `?`.
    package private(set) var names: [String] = []

    package init() {}

    mutating func add(_ name: String, in object: String = "") {
        count += 1
        guard names.count < DialectLimits.listedUnknown else { return }
        names.append(object + (FieldFault.quotable(name, atMost: DialectLimits.quotedName) ?? "?"))
    }
}
