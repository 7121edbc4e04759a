/// How clients' requests are read, where a deployment may choose.
struct DialectOptions: Sendable {
    /// The line about billing that some clients of Anthropic's API put before their system prompt is left out. It is another one in each
    /// request, and prompts that begin differently have nothing in common that a cache could find.
    var stripsPreamble = true
}
