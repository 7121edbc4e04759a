/// Why a file of weights cannot be used: where in it, and what is wrong there.
package struct WeightsError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case truncated
        case notGGUF
        case version(UInt32)
        case aboveLimit(Int)
        case unknownType(UInt32)
        case notText
        case notBoolean
        case repeated
        case misaligned
        case outside
        case overlaps(String)
        case missing
        /// What would fit.
        case unfit(String)
        /// It would change the result, and this engine does not know how.
        case unsupported
    }

    /// A metadata key, the name of a tensor, or a part of the file in plain words.
    package let field: String
    package let problem: Problem

    init(_ field: String, _ problem: Problem) {
        self.field = field
        self.problem = problem
    }

    package var description: String {
        switch problem {
        case .truncated: "\(field): the file ends within it"
        case .notGGUF: "\(field): the file is not GGUF"
        case .version(let version): "\(field): version \(version) is not read, only 2 and 3 of little-endian files"
        case .aboveLimit(let limit): "\(field): more than \(limit)"
        case .unknownType(let type): "\(field): type \(type) is not read"
        case .notText: "\(field): it is not UTF-8"
        case .notBoolean: "\(field): a truth value that is neither 0 nor 1"
        case .repeated: "\(field): it stands there twice"
        case .misaligned: "\(field): it is not aligned"
        case .outside: "\(field): it lies outside of the file"
        case .overlaps(let other): "\(field): it overlaps \(other)"
        case .missing: "\(field): it is missing"
        case .unfit(let expected): "\(field): it is not \(expected)"
        case .unsupported: "\(field): this engine cannot use it"
        }
    }
}
