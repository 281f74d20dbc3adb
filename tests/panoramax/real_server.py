"""A real Panoramax server on loopback: geovisio over PostgreSQL with PostGIS.

Nothing is installed into the system: geovisio stands in a virtual environment of its own, the
database in a directory into which Debian packages are unpacked. See README.md beside this file.
"""

import asyncio
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import aiohttp

from tests.ports import free_ports

GEOVISIO = "geovisio==2.15.1"
POSTGRES_VERSIONS = (15, 16, 17, 18)
NOBODY = 65534
"""PostgreSQL refuses to run as root; then it runs as this user."""
START_SECONDS = 180
PROCESS_SECONDS = 300
LICENSE, LICENSE_URL = "etalab-2.0", "https://www.etalab.gouv.fr/licence-ouverte-open-licence/"


class UnavailableError(Exception):
    """A part of the server cannot be had on this machine; says which and why."""


class Installation:
    """The programs, below `home`; made once and kept."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.venv = home / "venv"
        self.prefix = home / "postgres"

    def prepare(self) -> None:
        """Raises UnavailableError."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not (self.venv / "ready").exists():
            self._install_geovisio()
        if not (self.prefix / "ready").exists():
            self._unpack_postgres()

    @property
    def postgres_bin(self) -> Path:
        found = sorted(self.prefix.glob("usr/lib/postgresql/*/bin"))
        if not found:
            raise UnavailableError(f"{self.prefix}: no PostgreSQL in it; remove it and run again")
        return found[-1]

    def environment(self) -> dict[str, str]:
        """For the programs of the prefix, which look for their libraries in the system."""
        libraries = {path.parent for path in self.prefix.glob("usr/lib/**/*.so*")}
        share = self.prefix / "usr" / "share"
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "LD_LIBRARY_PATH": ":".join(sorted(map(str, libraries))),
            "PROJ_LIB": str(share / "proj"),
        }

    def _install_geovisio(self) -> None:
        shutil.rmtree(self.venv, ignore_errors=True)
        _do([sys.executable, "-m", "venv", str(self.venv)], "a virtual environment")
        pip = [str(self.venv / "bin" / "pip"), "install", "--quiet", GEOVISIO]
        _do(pip, f"{GEOVISIO} from the package index")
        (self.venv / "ready").touch()

    def _unpack_postgres(self) -> None:
        for program in ("apt-get", "dpkg"):
            if shutil.which(program) is None:
                raise UnavailableError(f"{program}: not found; this test needs Debian's packages")
        shutil.rmtree(self.prefix, ignore_errors=True)
        downloads = self.home / "packages"
        downloads.mkdir(exist_ok=True)
        _do(["apt-get", "download", *_packages()], "Debian's packages of PostGIS", downloads)
        for package in sorted(downloads.glob("*.deb")):
            _do(["dpkg", "-x", str(package), str(self.prefix)], package.name)
        for control in self.prefix.glob("usr/share/postgresql/*/extension/*-3.control"):
            # What the package's installer does by a symbolic link.
            shutil.copy(control, control.with_name(control.name.replace("-3.control", ".control")))
        shutil.rmtree(downloads)
        (self.prefix / "ready").touch()


def _packages() -> list[str]:
    """PostgreSQL, PostGIS, and what this machine lacks of their dependencies."""
    for version in POSTGRES_VERSIONS:
        wanted = [f"postgresql-{version}", f"postgresql-client-{version}"]
        wanted.append(f"postgresql-{version}-postgis-3")
        plan = subprocess.run(
            ["apt-get", "install", "--simulate", "--no-install-recommends", *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        if plan.returncode == 0:
            missing = re.findall(r"^Inst (\S+)", plan.stdout, re.MULTILINE)
            return sorted({*wanted, *missing})
    raise UnavailableError(
        "apt-get offers no postgresql-<15 to 18>-postgis-3; run `apt-get update`, or use Debian"
    )


class Photograph(NamedTuple):
    """One to upload, with what the server would otherwise want in EXIF."""

    path: Path
    lat: str
    lon: str
    taken: str
    """ISO 8601 with an offset."""


class Server:
    """geovisio in a directory of its own, gone when the block of `running_server` ends."""

    def __init__(self, installation: Installation, work: Path) -> None:
        self._installation = installation
        self._work = work
        self._database_port, self._port = free_ports(2)
        self.url = f"http://127.0.0.1:{self._port}"
        self.api = f"{self.url}/api"
        self._command = [str(installation.venv / "bin" / "panoramax_backend")]
        self._environment = {
            **os.environ,
            "DB_URL": f"postgres://postgres@127.0.0.1:{self._database_port}/geovisio",
            "FS_URL": "osfs://pictures",  # a relative path, whatever its number of slashes
            "API_PICTURES_LICENSE_SPDX_ID": LICENSE,
            "API_PICTURES_LICENSE_URL": LICENSE_URL,
            "API_FORCE_AUTH_ON_UPLOAD": "false",
            "FLASK_APP": "geovisio",
            "FLASK_SECRET_KEY": secrets.token_hex(16),
            "PICTURE_PROCESS_THREADS_LIMIT": "2",
        }

    @contextmanager
    def _postgres(self) -> Iterator[None]:
        bin_path, environment = self._installation.postgres_bin, self._installation.environment()
        data = self._work / "database"
        data.mkdir()
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(data, user, user)
        who: dict[str, Any] = {"user": user, "group": user, "extra_groups": [] if user else None}
        initdb = ["initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C"]
        _do([str(bin_path / initdb[0]), *initdb[1:]], "initdb", environment=environment, **who)
        server = [str(bin_path / "postgres"), "-D", str(data), "-p", str(self._database_port)]
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "60",
        }
        server += [f"-c{name}={value}" for name, value in settings.items()]
        with (
            open(self._work / "postgres.log", "wb") as log,
            _process(server, log, environment, stop_signal=2, **who) as process,
        ):
            self._await_port(self._database_port, process, log)
            self._sql("CREATE DATABASE geovisio ENCODING 'UTF8' TEMPLATE template0", "postgres")
            for extension in ("postgis", "uuid-ossp", "pg_trgm"):
                self._sql(f'CREATE EXTENSION IF NOT EXISTS "{extension}"', "geovisio")
            yield

    def _sql(self, statement: str, database: str) -> None:
        psql = self._installation.postgres_bin / "psql"
        address = f"postgres://postgres@127.0.0.1:{self._database_port}/{database}"
        command = [str(psql), "-v", "ON_ERROR_STOP=1", "-qc", statement, address]
        _do(command, statement, environment=self._installation.environment())

    @contextmanager
    def _geovisio(self) -> Iterator[None]:
        (self._work / "pictures").mkdir()
        tables = [*self._command, "db", "upgrade"]
        _do(tables, "the database's tables", self._work, environment=self._environment)
        run = [*self._command, "run", "--host", "127.0.0.1", "--port", str(self._port)]
        with (
            open(self._work / "geovisio.log", "wb") as log,
            _process(run, log, self._environment, cwd=self._work) as process,
        ):
            self._await_port(self._port, process, log)
            yield

    def _await_port(self, port: int, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.2)
        end = Path(log.name).read_text(errors="replace")[-2000:]
        raise UnavailableError(f"{Path(log.name).stem} did not start:\n{end}")

    async def upload(self, title: str, photographs: Sequence[Photograph]) -> None:
        """Uploads a sequence, and waits until all of it is processed."""
        wishes = {"title": title, "no_deduplication": True, "no_split": True}
        async with aiohttp.ClientSession() as session:
            made = await _json(session, "POST", f"{self.api}/upload_sets", json=wishes)
            address = f"{self.api}/upload_sets/{made['id']}"
            for one in photographs:
                form = aiohttp.FormData()
                form.add_field("override_latitude", one.lat)
                form.add_field("override_longitude", one.lon)
                form.add_field("override_capture_time", one.taken)
                form.add_field("file", one.path.read_bytes(), filename=one.path.name)
                await _json(session, "POST", f"{address}/files", data=form)
            await _json(session, "POST", f"{address}/complete")
            ends_at = time.monotonic() + PROCESS_SECONDS
            while time.monotonic() < ends_at:
                if (await _json(session, "GET", address)).get("ready"):
                    return
                await asyncio.sleep(0.5)
        raise UnavailableError(f"{title}: not processed after {PROCESS_SECONDS} s")

    async def delete(self, path: str) -> None:
        """Deletes by the server's own API, in the name of who uploaded everything."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.delete(f"{self.api}{path}") as response,
        ):
            if response.status >= 300:
                raise UnavailableError(f"DELETE {path}: {response.status} {await response.text()}")

    def _token(self) -> str:
        command = [*self._command, "default-account-tokens", "get"]
        return _do(command, "a token", self._work, environment=self._environment).split()[-1]

    @contextmanager
    def running(self) -> Iterator["Server"]:
        with self._postgres(), self._geovisio():
            yield self


async def _json(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Any:
    async with session.request(method, url, **options) as response:
        text = await response.text()
        if response.status >= 300:
            raise UnavailableError(f"{method} {url}: {response.status} {text[:500]}")
        return await response.json(content_type=None)


def _do(
    command: Sequence[str],
    what: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> str:
    """Runs a command to its end; returns what it printed. Raises UnavailableError."""
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False,
        **options,
    )  # fmt: skip
    if done.returncode:
        raise UnavailableError(f"{what}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


@contextmanager
def _process(
    command: Sequence[str],
    log: IO[bytes],
    environment: Mapping[str, str],
    stop_signal: int = 15,
    **options: Any,
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, **options)
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
