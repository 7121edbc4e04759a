extension String {
    /// At most so many bytes, cut between two characters: what fits a field of a message.
    func cut(to limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var text = "", length = 0
        for scalar in unicodeScalars {
            length += String(scalar).utf8.count
            guard length <= limit else { break }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
