/// Scripts start, and stop at the first thing that goes wrong.
enum ScriptRules {
    static let all: [Rule] = [executable, strict, hosts]

    private static func isScript(_ file: Tree.File) -> Bool { file.text.hasPrefix("#!") }

    private static let executable = Rule(
        "scripts can be run", instead: "git update-index --chmod=+x, and a first line that names the interpreter",
        bad: [
            .init("deploy/dev/test", "#!/usr/bin/env bash\nset -euo pipefail"),
            .init([("deploy/dev/test", "echo")], executable: ["deploy/dev/test"]),
        ],
        good: [
            .init([("deploy/dev/test", "#!/usr/bin/env bash\nset -euo pipefail")], executable: ["deploy/dev/test"]),
            .init([("proto-spec/check.py", "#!/usr/bin/env python3")], executable: ["proto-spec/check.py"]), .init("README.md", "text"),
        ]
    ) { tree in
        tree.files.compactMap { file in
            if isScript(file), !file.isExecutable { return Rule.Place(path: file.path, line: 0, what: "not executable") }
            if !isScript(file), file.isExecutable {
                return Rule.Place(path: file.path, line: 0, what: "executable, but names no interpreter")
            }
            return nil
        }
    }

    private static let strict = Rule(
        "shell scripts stop at a mistake", instead: "write `set -euo pipefail` before the first command",
        bad: [
            .init("deploy/dev/a", "#!/usr/bin/env bash\necho"), .init("deploy/dev/a", "#!/bin/sh\nset -e\n"),
            .init("deploy/dev/a", "#!/bin/bash\necho\nset -euo pipefail"),
        ],
        good: [
            .init("deploy/dev/a", "#!/usr/bin/env bash\n# What it does.\n\nset -euo pipefail\necho"),
            .init("proto-spec/check.py", "#!/usr/bin/env python3\n"),
        ]
    ) { tree in
        tree.files.filter { isScript($0) && ($0.lines.first.map { $0.hasSuffix("sh") } ?? false) }.compactMap { file in
            let first = file.lines.first { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }
            return first == "set -euo pipefail" ? nil : Rule.Place(path: file.path, line: 0, what: "its first command is `\(first ?? "")`")
        }
    }

    /// A mirror or a registry is the machine's choice, made in its own configuration.
    private static let hosts = Rule(
        "scripts name no registry", instead: "let apt and pip use what the machine is configured for",
        bad: [
            .init("deploy/dev/setup", "#!/bin/bash\npip install --index-url https://pypi.org/simple x"),
            .init("deploy/dev/setup", "#!/bin/bash\ncurl http://deb.debian.org/x"),
        ],
        good: [.init("deploy/dev/setup", "#!/bin/bash\npip install x"), .init("README.md", "https://pypi.org")]
    ) { tree in
        tree.files.filter { isScript($0) && $0.path.hasPrefix("deploy/") }.flatMap { file in
            file.lines.enumerated().filter { line in
                ["--index-url", "--extra-index-url", "deb.debian.org", "pypi.org"].contains { line.element.contains($0) }
            }.map { Rule.Place(path: file.path, line: $0.offset + 1, what: "the host of a registry") }
        }
    }
}
