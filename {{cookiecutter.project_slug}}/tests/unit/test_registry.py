"""The store on a real S3 protocol: promote, serve, exchange, roll back."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry
from {{ cookiecutter.package_name }}.predict.reload import ChampionReloader

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:.*(moto|boto|aio).*")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket on a local server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="models")
    s3fs.S3FileSystem.clear_instance_cache()  # one that knows the server of the test before
    yield "s3://models/flights"
    server.stop()


@pytest.mark.slow
def test_a_champion_goes_through_s3(trained: SimpleNamespace, bucket: str, tmp_path: Path) -> None:
    values = trained.config.model_dump(by_alias=True)
    values["serve"] |= {"store": bucket, "cache": str(tmp_path / "cache")}
    values["paths"]["artifacts"] = str(tmp_path)
    config = Config.model_validate(values)
    assert promotion.promote(config).decision == "promote"
    champion = ChampionReloader(config.serve)
    champion.refresh()
    assert champion.served is not None, champion.reason
    assert champion.served.version == trained.model.version
    # What is in the cache is checked again by whoever opens it next.
    (config.serve.cache / trained.model.version / "preprocessor.json").write_text(
        "{}", encoding="utf-8"
    )
    later = ChampionReloader(config.serve)
    later.refresh()
    assert later.served is None
    assert "not the file that training wrote" in later.reason


@pytest.mark.slow
def test_damage_in_the_store_is_noticed(
    trained: SimpleNamespace, bucket: str, tmp_path: Path
) -> None:
    store = ModelRegistry(bucket, tmp_path / "cache")
    store.upload(trained.model.folder)
    key = f"flights/{trained.model.version}/model.onnx"
    boto3.client("s3").put_object(Bucket="models", Key=key, Body=b"rubbish")
    with pytest.raises(UserError, match="not the file that training wrote"):
        store.fetch(trained.model.version)
    assert not (tmp_path / "cache" / trained.model.version).exists()


@pytest.mark.slow
def test_a_store_that_cannot_be_reached(tmp_path: Path, bucket: str) -> None:
    missing = bucket.replace("models", "nowhere")
    assert ModelRegistry(missing, tmp_path).champion() is None
