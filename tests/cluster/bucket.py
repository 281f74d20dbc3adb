"""The bucket behind `s3://`, as this machine sees it."""

from pathlib import Path

from tests.cluster.cluster import Cluster, storage

BUCKET = "lostfound"


class Bucket:
    def __init__(self, cluster: Cluster) -> None:
        self._client = storage(int(cluster.storage["AWS_ENDPOINT_URL"].rpartition(":")[2]))

    def names(self, folder: str) -> list[str]:
        """Of all objects below `folder`, without it."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{folder}/"
        )
        return [
            entry["Key"].removeprefix(f"{folder}/")
            for page in pages
            for entry in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def send(self, folder: Path, pattern: str, key: str) -> None:
        """The files of a local folder that match."""
        for path in sorted(folder.glob(pattern)):
            name = path.relative_to(folder).as_posix()
            self._client.upload_file(str(path), BUCKET, f"{key}/{name}")
