"""A small cluster of real processes, ended on every path."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request

# From the first process until the frontend is ready, on a machine that is busy with other things.
READY_SECONDS = 60
# A drain of idle processes; then they are killed.
END_SECONDS = 15


def free_ports(count):
    """Ports that nobody listens on now. All are held until the last is found, so that none is found twice."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def get(url, body=None):
    """Status and body; 0 where nobody answers."""
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body is not None else None, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


class Processes:
    """Each is ended when the block ends, however it ends: asked first, in reverse order, then killed."""

    def __init__(self, logs):
        self.logs, self.running = logs, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.codes = {}
        for name, process in reversed(self.running):
            process.terminate()
        for name, process in self.running:
            try:
                self.codes[name] = process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                self.codes[name] = process.wait()

    def start(self, name, command, **options):
        with open(self.logs / f"{name}.log", "w") as log:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        self.running.append((name, process))

    def ended(self):
        return [name for name, process in self.running if process.poll() is not None]

    def last_words(self):
        return "\n".join(f"-- {name}\n" + "\n".join((self.logs / f"{name}.log").read_text().splitlines()[-4:]) for name, _ in self.running)


class Cluster:
    """A router, a prefill and a decode worker, and a frontend. `wrap` puts a command before each program, such as one that changes its root."""

    def __init__(self, binaries, processes, wrap=(), **options):
        self.processes = processes
        links, publish, admin, http, frontend_admin, frontend_publish, *workers = free_ports(8)
        self.http, self.admins = http, {"router": [admin], "frontend": [frontend_admin], "worker": workers}
        routers = f"tcp://127.0.0.1:{links}"
        self.start = lambda name, program, *words: processes.start(name, [*wrap, f"{binaries}/{program}", *words], **options)
        self.start("router", "router", "--listen", routers, "--publish", f"tcp://127.0.0.1:{publish}", "--admin-listen", f"127.0.0.1:{admin}")
        for role, port in zip(("prefill", "decode"), workers):
            self.start(f"worker-{role}", "workerd", "--routers", routers, "--role", role, "--admin-listen", f"127.0.0.1:{port}")
        self.start("frontend", "frontend", "--routers", routers, "--listen", f"127.0.0.1:{http}", "--admin-listen", f"127.0.0.1:{frontend_admin}",
                   "--publish", f"tcp://127.0.0.1:{frontend_publish}")

    def until_ready(self):
        """Whether it became ready; a process that has ended will not."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self.processes.ended():
            ready = get(f"http://127.0.0.1:{self.admins['frontend'][0]}/readyz")[0] == 200
            if ready and '"id"' in get(f"http://127.0.0.1:{self.http}/v1/models")[1]:
                return True
            time.sleep(0.1)
        return False

    def ask(self, text, tokens=16):
        """One chat: status, and the whole answer."""
        body = {"model": "apus-mock", "max_tokens": tokens, "ignore_eos": True, "messages": [{"role": "user", "content": text}]}
        return get(f"http://127.0.0.1:{self.http}/v1/chat/completions", body)
