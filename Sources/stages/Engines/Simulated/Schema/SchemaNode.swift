import JSONText

/// How values are made that satisfy a set of schemas; other nodes by number.
enum SchemaNode {
    /// Nobody has come to it yet.
    case open
    /// No value satisfies it.
    case never(ConstraintProblem)
    /// It says something that is not understood here.
    case refused(ConstraintProblem)
    /// One of these. `height` is that of the lowest.
    case values([JSONValue], height: Int)
    case null
    case boolean
    case number(SchemaNumbers)
    case text(SchemaTexts)
    case array(SchemaArray)
    case object(SchemaObject)
    /// The first that can be made.
    case first([Int])
    /// Any that can be made.
    case any([Int])
}

/// Multiples of a step, in steps of `scale` digits behind the point.
struct SchemaNumbers {
    let first: Int128
    /// At least 1.
    let count: Int128
    let step: Int128
    let scale: Int

    func number(_ index: Int128) -> JSONNumber? { JSONNumber(SchemaDecimal(first + index * step, scale: scale).text) }
}

struct SchemaTexts {
    /// Code points.
    let least: Int
    let most: Int
    /// Texts of the wanted format that are as long as they may be; nil: there is no format.
    let samples: [String]?
    let pattern: SchemaPattern?
}

struct SchemaArray {
    let first: [Int]
    let other: Int
    let least: Int
    let most: Int
    let isUnique: Bool
}

struct SchemaObject {
    struct Member {
        let name: String
        let node: Int
        let isRequired: Bool
    }

    let members: [Member]
    let least: Int
    let most: Int
    /// What members would be that have no name in the schema.
    let other: Int
}
