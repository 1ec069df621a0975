"""What is sent to MLflow, and how: the only module that imports it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
import onnx
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.entities import Run as Shown
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from ..config import Config
from ..models.model_io import METADATA, MODEL, PREPROCESSOR, Metadata, ModelVersion
from ..models.registry import ModelRegistry, find_version, versions
from ..tracking.runs import Run
from ..utils.files import sha256

RUN, SENT = "run_id", "sent_sha256"  # tags of a run
VERSION, CONTENT = "version", "metadata_sha256"  # tags of a model version
CHAMPION, CHALLENGER = "champion", "challenger"  # aliases
STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}
EVALUATION = "evaluation.json"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # not one of language models


class Sender:
    """Sends runs to one experiment, and versions to one registered model."""

    def __init__(self, config: Config, uri: str, experiment: str | None) -> None:
        """Connect, and make the experiment where it is not there."""
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        self.config, self.uri, self.client = config, uri, MlflowClient(uri)
        self.model = config.model.name
        name = experiment or self.model
        known = self.client.get_experiment_by_name(name)
        self.experiment = known.experiment_id if known else self._new_experiment(name)
        self.newest: dict[str | None, str] = {}  # the run that a version's name belongs to now
        found = self.client.search_model_versions(f"name = '{self.model}'")
        self.registered = {one.tags.get(CONTENT): str(one.version) for one in found}

    def send(self, runs: list[Run]) -> list[str]:
        """Send what MLflow lacks; return what was done, in lines."""
        self.newest = {run.version: run.id for run in runs}
        shown = {one.data.tags[RUN]: one for one in self._shown()}
        sent = [run for run in runs if self._send(run, shown.get(run.id))]
        lines = [f"{self.uri}: {len(sent)} of {len(runs)} runs sent"] if sent else []
        return lines + self._set_aliases()

    def _new_experiment(self, name: str) -> str:
        place = None
        if self.uri.startswith("sqlite:"):
            folder = Path(self.uri.partition(":///")[2]).parent / "artifacts"
            folder.mkdir(parents=True, exist_ok=True)
            place = folder.resolve().as_uri()
        return str(self.client.create_experiment(name, artifact_location=place, tags=KIND))

    def _shown(self) -> Iterator[Shown]:
        token = None
        while True:
            wanted = f"tags.{RUN} LIKE '%'"
            page = self.client.search_runs([self.experiment], wanted, page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _send(self, run: Run, shown: Shown | None) -> bool:
        """Send a run, or what changed of it since; tell whether anything was sent."""
        report = self._report(run)
        digest = _digest(run, report)
        if shown is not None and shown.data.tags.get(SENT) == digest:
            return False
        if shown is None:
            shown = self.client.create_run(
                self.experiment,
                start_time=_milliseconds(run.started),
                tags={RUN: run.id},
                run_name=run.version or run.id,
            )
        to = shown.info.run_id
        if run.state != "running":
            now = _milliseconds(run.ended)
            self.client.log_batch(
                to,
                metrics=[Metric(name, value, now, 0) for name, value in run.metrics.items()],
                params=[Param(name, str(value)) for name, value in run.params.items()],
                tags=[RunTag("error", run.error)] if run.error else [],
            )
            if (model := self._version(run)) is not None:
                self._register(model, run, to)
            if report is not None:
                self.client.log_artifacts(to, str(report), "report")
            self.client.set_terminated(to, STATUS[run.state], now)
        self.client.set_tag(to, SENT, digest)  # the last: what was cut off is sent again
        return True

    def _report(self, run: Run) -> Path | None:
        """Return the folder with the run's report, if there is one."""
        if run.version is None or self.newest[run.version] != run.id:
            return None
        folder = self.config.paths.artifacts / run.version
        return folder if (folder / EVALUATION).exists() else None

    def _version(self, run: Run) -> ModelVersion | None:
        """Return the version that came of a run, if it is there and not registered yet."""
        models = self.config.paths.models
        if run.version not in versions(models) or run.metadata_sha256 in self.registered:
            return None
        if sha256(models / run.version / METADATA) != run.metadata_sha256:
            return None  # another one, made later, has the name
        return find_version(models, run.version)

    def _register(self, model: ModelVersion, run: Run, to: str) -> None:
        """Add the served model to the registry, with its signature and what it needs; no pickle."""
        self._note_origin(model.metadata, to)
        served = onnx.load_model(model.folder / MODEL)
        inputs, outputs = (
            Schema([_tensor(value) for value in values])
            for values in (served.graph.input, served.graph.output)
        )
        packages = model.metadata.packages
        with mlflow.start_run(to):
            logged = mlflow.onnx.log_model(
                served,
                name="model",
                signature=ModelSignature(inputs=inputs, outputs=outputs),
                pip_requirements=[f"{name}=={packages[name]}" for name in ("numpy", "onnxruntime")],
                onnx_execution_providers=["CPUExecutionProvider"],
                save_as_external_data=False,
                extra_files=[str(model.folder / name) for name in (METADATA, PREPROCESSOR)],
            )
        if not self.client.search_registered_models(f"name = '{self.model}'"):
            self.client.create_registered_model(self.model)
        tags = {VERSION: model.version, CONTENT: run.metadata_sha256}
        new = self.client.create_model_version(
            self.model, logged.model_uri, to, tags, model_id=logged.model_id
        )
        self.registered[run.metadata_sha256] = str(new.version)

    def _note_origin(self, metadata: Metadata, to: str) -> None:
        """Tell which table and which code a version comes from."""
        data = metadata.data
        table = Dataset(
            name=data.source,
            digest=data.sha256[:36],  # as long as MLflow takes
            source_type="local",
            source=json.dumps({"uri": data.source, "sha256": data.sha256}),
            profile=json.dumps(data.rows.model_dump()),
        )
        self.client.log_inputs(
            to, [DatasetInput(table, [InputTag("mlflow.data.context", "training")])]
        )
        origin = {
            "data_sha256": data.sha256,
            "schema_sha256": metadata.schema_hash,
            "config_sha256": metadata.config_hash,
            "mlflow.source.git.commit": metadata.commit,
            "uncommitted_changes": metadata.dirty,
        }
        for name, value in origin.items():
            if value is not None:
                self.client.set_tag(to, name, value)

    def _set_aliases(self) -> list[str]:
        """Set the aliases as champion.json has it; name those that somebody moved in MLflow."""
        if not self.registered:
            return []
        pointer = ModelRegistry(self.config.serve.store, self.config.serve.cache).champion()
        champion = None if pointer is None else self.registered.get(pointer.metadata_sha256)
        newest = max(self.registered.values(), key=int)
        ahead = champion is None or int(newest) > int(champion)
        wanted = {CHAMPION: champion, CHALLENGER: newest if ahead else None}
        model = self.client.get_registered_model(self.model)
        lines = []
        for alias, version in wanted.items():
            present, ours = model.aliases.get(alias), model.tags.get(f"set_{alias}") or None
            if present is not None and str(present) not in (ours, version):
                lines.append(
                    f"alias {alias} was moved to version {present} in MLflow, and is set back: "
                    "`models promote` moves it"
                )
            if present is not None and version is None:
                self.client.delete_registered_model_alias(self.model, alias)
            elif version is not None and str(present) != version:
                self.client.set_registered_model_alias(self.model, alias, version)
            if ours != version:
                self.client.set_registered_model_tag(self.model, f"set_{alias}", version or "")
        return lines


def _digest(run: Run, report: Path | None) -> str:
    """Return what changes when a run, or its report, does."""
    text = run.model_dump_json() + (sha256(report / EVALUATION) if report else "")
    return hashlib.sha256(text.encode()).hexdigest()


def _tensor(value: Any) -> TensorSpec:
    """Return the type, the shape and the name of an input or output of an ONNX graph."""
    kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    shape = (one.dim_value or -1 for one in value.type.tensor_type.shape.dim)
    return TensorSpec(kind, tuple(shape), value.name)


def _milliseconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp() * 1000)
