import ClusterModel
import HTTPServing
import HTTPSyntax
import ProcessKit

/// The page itself: one document with its style and its script in it, which asks nobody but this frontend for anything.
enum DashboardPage {
    /// Nothing but the style and the script that stand in the page, known by their hashes, and questions to where it came from.
    static let policy =
        "default-src 'none'; script-src '\(PageScript.hash)'; style-src '\(PageStyle.hash)'; connect-src 'self'; "
        + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    static let document: [UInt8] = {
        var text = PageMarkup.before
        text += PageStyle.text
        text += PageMarkup.between
        text += PageScript.text
        text += PageMarkup.after
        return Array(text.utf8)
    }()

    static var response: HTTPResponse {
        HTTPResponse(
            .ok,
            headers: [
                HTTPField("Content-Type", "text/html; charset=utf-8"), HTTPField("Cache-Control", "no-cache"),
                HTTPField("Content-Security-Policy", policy),
            ] + AdminService.pageGuards, body: document)
    }
}
