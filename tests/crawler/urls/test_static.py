"""The benchmark's web server says what a web server says."""

import http.client
from pathlib import Path

from crawler.urls.bench import serving


def test_it_serves_files_over_one_connection(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture" * 1000)
    with serving(tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for method, path, status, body in (
            ("GET", "/a.jpg", 200, b"picture" * 1000),
            ("GET", "/a.jpg/17", 200, b"picture" * 1000),
            ("HEAD", "/a.jpg", 200, b""),
            ("GET", "/robots.txt", 404, b"no such file\n"),
        ):
            connection.request(method, path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, body)
        connection.close()
