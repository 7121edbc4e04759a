"""What checks found, said in a form that continuous integration can count."""

import subprocess

# Longer than any tool here takes on a busy machine; what takes longer hangs.
TOOL_SECONDS = 300


def run(command, **options):
    """A tool's exit code and all that it said."""
    try:
        ended = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TOOL_SECONDS, **options)
        return ended.returncode, ended.stdout
    except FileNotFoundError:
        return 127, f"there is no {command[0]}; deploy/dev/kit --help says what is needed"
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} did not end within {TOOL_SECONDS} s"


class Report:
    def __init__(self, name):
        self.name, self.passed, self.failures = name, 0, []

    def expect(self, holds, what, otherwise):
        """Only what fails is said: there are hundreds of checks."""
        if holds:
            self.passed += 1
        else:
            self.failures.append(f"{what}: {otherwise}")
        return holds

    def command(self, what, command, **options):
        code, output = run(command, **options)
        self.expect(code == 0, what, f"{' '.join(str(word) for word in command)} ended with {code}\n{output}")
        return output

    def accepted(self, what, command, environment):
        """A program's --check-config: a variable that it does not know is only a warning to it, and a mistake in a file of ours."""
        output = self.command(what, command, env=environment)
        self.expect("warning:" not in output, what, output)

    def show(self):
        for failure in self.failures:
            print(f"{self.name}: FAILED: {failure}")
        print(f"{self.name}: {self.passed} passed, {len(self.failures)} failed", flush=True)
        return not self.failures
