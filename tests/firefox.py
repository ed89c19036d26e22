"""Firefox for tests, driven by the protocol that it speaks itself: WebDriver BiDi, over a socket.

    with Firefox(path) as firefox:
        firefox.go(address)
        firefox.run("document.title")
        assert not firefox.troubles

Playwright drives a Firefox of its own making, which Debian doesn't have. The socket is tornado's, which the notebooks'
tests bring along.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tornado.websocket import websocket_connect

KEYS = {"ArrowRight": "\ue014", "ArrowLeft": "\ue012", "Home": "\ue011", "End": "\ue010", "PageDown": "\ue00f"}


def find_firefox():
    "The path of a Firefox, or None."
    names = ("firefox-esr", "firefox")
    return os.environ.get("HYPERRES_FIREFOX") or next(filter(None, map(shutil.which, names)), None)


class Firefox:
    "A running Firefox with one page; `troubles` fills with errors and warnings of scripts and with failed requests."
    def __init__(self, path, width=1280, height=900, patience=60):
        self.patience, self.troubles, self.sent = patience, [], 0
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        profile = Path(self.folder.name)
        (profile / "user.js").write_text('user_pref("network.captive-portal-service.enabled", false);\n'
                                         'user_pref("network.connectivity-service.enabled", false);\n')
        said = profile / "said"
        with said.open("w") as out:
            self.process = subprocess.Popen([path, "--headless", "--no-remote", "--profile", profile,
                                             "--remote-debugging-port", "0"], stdout=out, stderr=out,
                                            start_new_session=True)
        self.loop = asyncio.new_event_loop()
        try:
            until, found = time.monotonic() + patience, None
            while found is None:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{path} doesn't listen: {said.read_text()}")
                time.sleep(0.1)
                found = re.search(r"WebDriver BiDi listening on (ws://\S+)", said.read_text())
            async def connect(): return await websocket_connect(f"{found[1]}/session", max_message_size=2**28)
            self.socket = self.loop.run_until_complete(asyncio.wait_for(connect(), patience))
            self.send("session.new", capabilities={})
            self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]
            self.send("session.subscribe", events=["log.entryAdded", "network.fetchError", "network.responseCompleted"])
            self.send("browsingContext.setViewport", context=self.context, viewport=dict(width=width, height=height))
        except BaseException:
            self.close()
            raise

    def __enter__(self): return self

    def __exit__(self, *_): self.close()

    def close(self):
        "End the browser, and the processes that it started."
        if self.process.poll() is None: os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.loop.close()
        self.folder.cleanup()

    def heard(self, event):
        "Note what went wrong."
        kind, about = event["method"], event["params"]
        if kind == "log.entryAdded" and about["level"] in ("error", "warn"):
            self.troubles.append(f"{about['type']}: {about['text']}")
        if kind == "network.fetchError" and about["errorText"] != "NS_BINDING_ABORTED":  # the page was left
            self.troubles.append(f"failed: {about['request']['url']} {about['errorText']}")
        if kind == "network.responseCompleted" and about["response"]["status"] >= 400:
            self.troubles.append(f"status {about['response']['status']}: {about['request']['url']}")

    def send(self, method, **params):
        "One command, and what it returns."
        self.sent += 1
        self.socket.write_message(json.dumps(dict(id=self.sent, method=method, params=params)))
        while True:
            async def receive(): return await self.socket.read_message()
            text = self.loop.run_until_complete(asyncio.wait_for(receive(), self.patience))
            if text is None: raise RuntimeError("Firefox has ended the session")
            message = json.loads(text)
            if message.get("id") == self.sent:
                if message["type"] == "error": raise RuntimeError(f"{method}: {message['message']}")
                return message["result"]
            if message["type"] == "event": self.heard(message)

    def go(self, address):
        "Open an address, and wait until all of it is there."
        self.send("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def run(self, expression):
        "The value of an expression, or of its promise, on the page."
        whole = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        found = self.send("script.evaluate", expression=whole, target=dict(context=self.context), awaitPromise=True)
        if found["type"] == "exception": raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def wait(self, expression):
        "Wait until an expression is true, and return its value."
        until = time.monotonic() + self.patience
        while not (value := self.run(expression)):
            if time.monotonic() > until: raise TimeoutError(f"never true: {expression}")
            time.sleep(0.05)
        return value

    def act(self, kind, actions, **more):
        self.send("input.performActions", context=self.context,
                  actions=[dict(type=kind, id=kind, actions=actions) | more])

    def press(self, selector, *keys):
        "Press keys on an element, as a person does who has moved there."
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.act("key", [dict(type=part, value=KEYS[key]) for key in keys for part in ("keyDown", "keyUp")])

    def drag(self, a, b):
        "Draw with the pressed button from one point of the window to another."
        at = lambda p: dict(type="pointerMove", x=round(p[0]), y=round(p[1]))
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        self.act("pointer", [at(a), dict(type="pointerDown", button=0), at(middle), at(b),
                             dict(type="pointerUp", button=0)], parameters=dict(pointerType="mouse"))

    def screenshot(self):
        "The window, as PNG."
        return base64.b64decode(self.send("browsingContext.captureScreenshot", context=self.context)["data"])
