"""A headless chromium, driven over its DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from websocket import WebSocket

START_SECONDS = 60
ANSWER_SECONDS = 60


class Browser:
    """One page of a browser of its own, with a profile that is thrown away. What the page complains of is gathered in `complaints`."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="apus-browser-")
        # Nobody else's pages are opened in it: its own sandbox needs rights that containers do not give.
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb",
             "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.profile})
        self.socket, self.number, self.complaints, self.requested = None, 0, [], []
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _attach(self):
        end, port = time.monotonic() + START_SECONDS, Path(self.profile, "DevToolsActivePort")
        while not port.exists() or "\n" not in port.read_text():
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError("the browser does not start")
            time.sleep(0.1)
        base = f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
        while True:
            with urllib.request.urlopen(f"{base}/json/list", timeout=10) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                break
            time.sleep(0.1)
        self.socket = WebSocket(pages[0]["webSocketDebuggerUrl"])
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility", "Performance"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            said = json.loads(self.socket.receive(max(0.01, end - time.monotonic())))
            if said.get("id") == self.number:
                if "error" in said:
                    raise OSError(f"{method}: {said['error']['message']}")
                return said["result"]
            self._heard(said)

    def _heard(self, said):
        method, parameters = said.get("method"), said.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(one.get("value", one.get("description"))) for one in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])

    def evaluate(self, script):
        """The value of an expression, or of a promise that it gives."""
        said = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise OSError(said["exceptionDetails"].get("exception", {}).get("description", said["exceptionDetails"]["text"]))
        return said["result"].get("value")

    def until(self, script, seconds=30):
        """Whether the expression came to be true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(script):
                return True
            time.sleep(0.2)
        return False

    def open(self, url):
        self.ask("Page.navigate", url=url)
        if not self.until("document.readyState === 'complete'"):
            raise OSError(f"{url} does not load")

    def resize(self, width, height, isMobile=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=isMobile)

    def colours(self, scheme, motion="no-preference"):
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}])

    def press(self, key, code=None, modifiers=0):
        text = {"Enter": "\r", " ": " "}.get(key)
        common = {"key": key, "code": code or key, "modifiers": modifiers, "windowsVirtualKeyCode": {"Tab": 9, "Enter": 13, " ": 32}.get(key, 0)}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def picture(self, path):
        data = base64.b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"])
        Path(path).write_bytes(data)
        return len(data)
