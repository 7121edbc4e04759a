/// Recursive descent over bounds-checked bytes; the depth limit bounds the recursion.
struct JSONParser: ~Copyable, ~Escapable {
    /// What goes wrong inside: small, because it is returned through every level. `document()` turns it into a `JSONError`.
    struct Fault: Error {
        let code: JSONError.Code
        let offset: Int
    }

    private let limits: JSONLimits
    private var depth = 0
    private var values = 0
    private var pieces = 0
    private var tokens: JSONScanner
    /// Steps to the value that failed, innermost first; filled while a fault is on its way out.
    private var trail: [JSONPathStep] = []

    @_lifetime(copy source)
    init(_ source: RawSpan, limits: JSONLimits) {
        tokens = JSONScanner(source)
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSONValue {
        do throws(Fault) {
            guard tokens.source.byteCount <= limits.bytes else { throw Fault(code: .tooLarge(limit: limits.bytes), offset: limits.bytes) }
            tokens.skipWhitespace()
            let result = try value()
            tokens.skipWhitespace()
            guard tokens.isAtEnd else { throw Fault(code: .trailingBytes, offset: tokens.position) }
            return result
        } catch {
            throw JSONError(error.code, at: error.offset, in: tokens.source, path: JSONPath.text(trail.reversed()))
        }
    }

    /// Reads the value that starts at the next byte.
    private mutating func value() throws(Fault) -> JSONValue {
        try count()
        guard let byte = tokens.peek() else { throw tokens.unexpected() }
        switch byte {
        case UInt8(ascii: "\""):
            try countPiece()
            return .string(try tokens.string())
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"):
            try tokens.literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try tokens.literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try tokens.literal("null")
            return .null
        default: throw tokens.unexpected()
        }
    }

    private mutating func number() throws(Fault) -> JSONNumber {
        let start = tokens.position, number = try tokens.number()
        if tokens.position - start > JSONLimits.shortNumberBytes { try countPiece() }
        return number
    }

    private mutating func array() throws(Fault) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if tokens.skip(UInt8(ascii: "]")) { return leave(.array(elements)) }
        while true {
            do throws(Fault) {
                elements.append(try value())
            } catch {
                trail.append(.index(elements.count))
                throw error
            }
            tokens.skipWhitespace()
            if tokens.skip(UInt8(ascii: ",")) {
                tokens.skipWhitespace()
            } else if tokens.skip(UInt8(ascii: "]")) {
                return leave(.array(elements))
            } else {
                throw tokens.unexpected()
            }
        }
    }

    private mutating func object() throws(Fault) -> JSONValue {
        try enter()
        var object = JSONObject()
        if tokens.skip(UInt8(ascii: "}")) { return leave(.object(object)) }
        while true {
            guard tokens.peek() == UInt8(ascii: "\"") else { throw tokens.unexpected() }
            try count()
            try countPiece()
            let start = tokens.position
            let name = try tokens.string()
            do throws(Fault) {
                guard object.place(of: name) == nil else { throw Fault(code: .duplicateKey, offset: start) }
                tokens.skipWhitespace()
                guard tokens.skip(UInt8(ascii: ":")) else { throw tokens.unexpected() }
                tokens.skipWhitespace()
                object.append(name, try value())
            } catch {
                trail.append(.key(name))
                throw error
            }
            tokens.skipWhitespace()
            if tokens.skip(UInt8(ascii: ",")) {
                tokens.skipWhitespace()
            } else if tokens.skip(UInt8(ascii: "}")) {
                return leave(.object(object))
            } else {
                throw tokens.unexpected()
            }
        }
    }

    /// One more value or name.
    private mutating func count() throws(Fault) {
        guard values < limits.values else { throw Fault(code: .tooManyValues(limit: limits.values), offset: tokens.position) }
        values += 1
    }

    /// One more of those with memory of their own.
    private mutating func countPiece() throws(Fault) {
        guard pieces < limits.pieces else { throw Fault(code: .tooManyPieces(limit: limits.pieces), offset: tokens.position) }
        pieces += 1
    }

    private mutating func enter() throws(Fault) {
        try countPiece()
        guard depth < limits.depth else { throw Fault(code: .tooDeep(limit: limits.depth), offset: tokens.position) }
        depth += 1
        tokens.advance()
        tokens.skipWhitespace()
    }

    private mutating func leave(_ value: JSONValue) -> JSONValue {
        depth -= 1
        return value
    }
}
