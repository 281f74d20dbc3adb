"""A run's directory: its files and the rows of its metrics."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shards.atomic import atomic_path, remove_temporaries, write_json, write_text
from training.config import Config
from training.model.modelfile import MODEL_NAME


@dataclass(frozen=True, slots=True)
class RunDirectory:
    path: Path

    @property
    def model(self) -> Path:
        """The deployable file; a run that has one is complete."""
        return self.path / MODEL_NAME

    @property
    def best(self) -> Path:
        """The best model so far, in the same format."""
        return self.path / "checkpoints" / "best.safetensors"

    @property
    def last(self) -> Path:
        """The checkpoint from which the run goes on."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def previous(self) -> Path:
        """The one before, for when `last` cannot be read."""
        return self.path / "checkpoints" / "previous.pt"

    @property
    def metrics(self) -> Path:
        """One JSON object per epoch."""
        return self.path / "metrics.jsonl"

    @property
    def steps(self) -> Path:
        """One JSON object per look at the losses."""
        return self.path / "steps.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Event files of TensorBoard."""
        return self.path / "tensorboard"

    def start(
        self, config: Config, shards: str | Path, data_sha256: str, code_version: str
    ) -> None:
        """Makes the directory, and records the configuration in full."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_temporaries(self.path)
        remove_temporaries(self.last.parent)
        record = {
            "config": config.model_dump(mode="json"),
            "shards": str(shards),
            "data_sha256": data_sha256,
            "code_version": code_version,
        }
        write_json(self.path / "config.json", record)

    def rows(self) -> list[dict[str, Any]]:
        """The metrics of all epochs so far, one row each."""
        try:
            lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        # A line without its end is one that a killed run was writing. An epoch comes twice when
        # workers of a driver that was killed outlived it while the run went on already.
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
        return list({row["epoch"]: row for row in rows}.values())

    def forget_rows_from(self, epoch: int) -> None:
        """Drops the metrics of epochs that will be done again."""
        kept = [json.dumps(row) + "\n" for row in self.rows() if row["epoch"] < epoch]
        write_text(self.metrics, "".join(kept))

    def add_row(self, row: dict[str, Any]) -> None:
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def complete(self) -> None:
        """The best model becomes the run's result."""
        with atomic_path(self.model) as temporary:
            shutil.copyfile(self.best, temporary)
