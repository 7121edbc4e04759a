import JSONText

/// What one JSON schema may cost, and how large what is made from it may become.
enum SchemaLimits {
    /// Of the schema's text: as long as a constraint is on the wire.
    static let bytes = 256 << 10
    /// Values and names in it: a tree of some megabytes.
    static let values = 1 << 16
    /// Objects and arrays inside each other, in what is made.
    static let depth = 32
    /// Of what is made, as text. What a model is asked for is shorter than its context.
    static let madeBytes = 64 << 10
    /// Behind so many bytes nothing is added that could be left out, so that many optional members do not make a book.
    static let generousBytes = 4 << 10
    /// Sets of schemas that one value is to satisfy: the largest schemas in use have about 5,000 members.
    static let nodes = 8_192
    /// Schemas that one value is to satisfy at a time, by references and `allOf`.
    static let placesOfNode = 64
    /// Schemas and values that are compared, names and parts that are looked at: some ten milliseconds for all of them.
    static let steps = 150_000
    /// Of a text that is compared, hashed or copied in one step.
    static let bytesOfStep = 64
    /// Schemas inside each other for one value while it is compared: each takes a part of a thread's stack.
    static let nesting = 128
    /// Digits behind the point that numbers of a schema may have.
    static let fractionDigits = 9
    /// Elements of a list and optional members of a dictionary that are made where a schema does not say how many.
    static let plentyOfElements = 3
    /// Tries to make an element that is unlike the others.
    static let tries = 64
    /// Characters that a pattern stands for, and that are made of a part that may be repeated without end.
    static let patternParts = 256
    /// Of code points, in all classes of a pattern.
    static let patternRanges = 256
    static let patternRepeats = 4
    /// Of a JSON pointer in an error.
    static let pointerBytes = 160

    /// Keywords that assert something which is not understood here; others that are not known only say something of a value.
    static let unknownKeywords: Set<String> = [
        "$dynamicRef", "$recursiveRef", "dependencies", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties",
    ]

    static let json = JSONLimits(depth: 64, bytes: bytes, values: values)
}
