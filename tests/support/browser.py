"""Headless Chromium, driven over the DevTools protocol: keys, clicks, dropped files and screenshots."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 60.0

T = TypeVar("T")


class Browser:
    """One page of a browser."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.loop, self.socket = loop, socket
        self.ids = itertools.count(1)
        self.requested: list[str] = []
        """Addresses that the page asked for."""
        self.complaints: list[str] = []
        """Errors and warnings of the console, and violations of the content policy."""
        self.call("Page.enable")
        self.call("Network.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, SECONDS))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self.ids)

        async def work() -> dict[str, Any]:
            await self.socket.send_json({"id": number, "method": method, "params": parameters})
            while True:
                message = await self.socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    return dict(message["result"])
                self._note(message)

        return self._await(work())

    def _note(self, event: dict[str, Any]) -> None:
        if event["method"] == "Network.requestWillBeSent":
            self.requested.append(event["params"]["request"]["url"])
        elif event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(event["params"]))

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression in the page is true."""
        end = time.monotonic() + SECONDS
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, (condition, self.run("document.body.innerText"), self.complaints)
            time.sleep(0.05)

    def open(self, address: str, width: int = 1440, height: int = 1000, dark: bool = False) -> None:
        """Open an address in a window of this size, as a phone has it below 600 pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def _middle(self, selector: str) -> tuple[float, float]:
        script = f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            found.scrollIntoView({{block: "center"}});
            const box = found.getClientRects()[0];
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        x, y = self.run(script)
        return x, y

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Press the keys of a text."""
        for character in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=character)
            self.call("Input.dispatchKeyEvent", type="keyUp")

    def press(self, key: str, code: int, modifiers: int = 0, text: str = "") -> None:
        """Press a key by its name; modifiers: 2 is Ctrl, 8 is Shift."""
        for kind in ("rawKeyDown" if not text else "keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
                **more,
            )

    def drop(self, file: Path, selector: str) -> None:
        """Drag a file from outside over an element and drop it."""
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def screenshot(self, file: Path) -> None:
        """Save the whole page as PNG."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile in `folder`; no name is resolved but this machine's."""
    assert CHROMIUM is not None
    profile = folder / "profile"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={profile}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    try:
        session, socket = loop.run_until_complete(_connect(profile / "DevToolsActivePort"))
        try:
            yield Browser(loop, socket)
        finally:
            loop.run_until_complete(socket.close())
            loop.run_until_complete(session.close())
    finally:
        process.kill()
        process.wait()
        loop.close()


async def _connect(port_file: Path) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    end = time.monotonic() + SECONDS
    while not port_file.is_file() or not port_file.read_text():
        assert time.monotonic() < end, "Chromium does not start"
        await asyncio.sleep(0.05)
    port = port_file.read_text().splitlines()[0]
    session = aiohttp.ClientSession()
    while True:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        if pages:
            return session, await session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=2**27)
        await asyncio.sleep(0.05)
