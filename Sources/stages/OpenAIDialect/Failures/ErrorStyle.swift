/// In which envelope an API tells errors.
package enum ErrorStyle: Hashable, Sendable {
    /// `{"error":{"message","type","param","code"}}`.
    case openAI
}
