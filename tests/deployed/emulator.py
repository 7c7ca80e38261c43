"""The AWS emulator that the stack is deployed to: MiniStack, one process of ours on 127.0.0.1.

Owns that process and everything it writes: a folder that is given to it holds its home, its temporary files and its log.
Never touches an account: the environment that it and the tools get holds made-up credentials and one endpoint.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

REGION = "eu-central-1"
ACCOUNT = "000000000000"
STARTS_WITHIN_SECONDS = 60
ENDS_WITHIN_SECONDS = 20


class Failed(Exception):
    """Something did not hold: the message is what a person reads."""


def environment(folder, endpoint):
    """The variables of a process that knows the emulator and nothing else of AWS."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "LAMBDA_"))}
    return inherited | {
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
    }


class Emulator:
    """Starts when it is entered, ends with all that it started when it is left."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.environment = environment(folder, self.endpoint)
        self.process = None

    def __enter__(self):
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_HOST": "127.0.0.1",
            # Listeners of other services, which nothing here asks for.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }
        with open(self.log_file, "wb") as log:
            # A session of its own, so that the functions it runs end with it.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment | settings,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(ENDS_WITHIN_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        # Where the leader went first, what it had started is still in its group.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @property
    def log_file(self):
        """What the emulator says, the functions' lines among it."""
        return self.folder / "emulator.log"

    def get(self, path):
        """The JSON that one of the emulator's own pages shows."""
        with urllib.request.urlopen(self.endpoint + path, timeout=10) as answer:
            return json.load(answer)

    def mails(self):
        """Every mail that SES took, oldest first."""
        return self.get("/_ministack/ses/messages")["messages"].get(ACCOUNT, [])

    def _wait_until_ready(self):
        until = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failed(f"the emulator ended by itself ({self.process.returncode}), see {self.log_file}")
            try:
                self.get("/_ministack/health")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise Failed(f"the emulator did not answer within {STARTS_WITHIN_SECONDS} s, see {self.log_file}")
