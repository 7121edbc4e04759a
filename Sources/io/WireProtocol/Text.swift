extension String {
    /// At most so many bytes, cut between two characters: what fits a field of a message, whoever's words they are.
    package func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var text = "", length = 0
        for scalar in unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= limit else { break }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
