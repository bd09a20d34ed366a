"""A real nginx with the configuration that the project ships."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from manticscore.embedded_postgres import BASE_DIR

DEPLOY = BASE_DIR / "deploy"
PATIENCE = 10.0  # seconds
BINARY = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
AROUND = """
daemon off;
worker_processes 1;
pid {0}/nginx.pid;
error_log {0}/error.log info;
events {{}}
http {{
    client_body_temp_path {0}/body;
    proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi;
    scgi_temp_path {0}/scgi;
    include {0}/manticscore.conf;
}}
"""


class Nginx:
    """Has the `url` and `port` that a server has."""

    def __init__(self, directory: Path, upstreams: Sequence[int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory
        self.access_log = directory / "access.log"
        self._write("nginx.conf", AROUND.format(directory))
        self._write("manticscore-upstream.conf", "".join(f"server 127.0.0.1:{port};\n" for port in upstreams))
        shipped = (DEPLOY / "nginx.conf").read_text()
        for ours, here in {
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "/var/log/nginx/manticscore.log": str(self.access_log),
        }.items():
            assert shipped.count(ours) == 1, ours
            shipped = shipped.replace(ours, here)
        self._write("manticscore.conf", shipped)

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def command(self, *options: str) -> list[str]:
        return [str(BINARY), "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"), *options]

    def logs(self) -> str:
        return self.access_log.read_text() + (self.directory / "error.log").read_text()


@contextmanager
def nginx(directory: Path, upstreams: Sequence[int]) -> Iterator[Nginx]:
    made = Nginx(directory, upstreams)
    checked = subprocess.run(made.command("-t"), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    with (directory / "nginx.out").open("wb") as output:
        process = subprocess.Popen(made.command(), stdout=output, stderr=output)
    try:
        wait_for(made.port)
        yield made
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(port: int) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("nginx did not start")
