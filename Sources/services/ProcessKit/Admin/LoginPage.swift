import HTTPServing

/// The form in which a browser is given the token. It works without a script, and nothing but it is in the page.
enum LoginPage {
    static let path: StaticString = "/login"
    static let field = "token"

    /// - Parameter word: what is said above the form.
    static func response(_ status: HTTPStatus, _ word: String, headers: [HTTPField] = []) -> HTTPResponse {
        let page = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Apus: sign in</title>
            <link rel="icon" href="data:,">
            </head>
            <body>
            <main>
            <h1>Apus</h1>
            <p role="status">\(word.prefix(1).uppercased())\(word.dropFirst()).</p>
            <form method="post" action="\(path)" aria-label="Sign in">
            <label for="token">Admin token</label>
            <input id="token" name="\(field)" type="password" autocomplete="current-password" required autofocus>
            <button type="submit">Sign in</button>
            </form>
            </main>
            </body>
            </html>

            """
        let own = [
            HTTPField("Content-Type", "text/html; charset=utf-8"), HTTPField("Cache-Control", "no-store"),
            HTTPField("Content-Security-Policy", policy),
        ]
        return HTTPResponse(status, headers: own + AdminService.pageGuards + headers, body: Array(page.utf8))
    }

    /// What a page of this process's own may not be used for by others.
    private static let policy = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
