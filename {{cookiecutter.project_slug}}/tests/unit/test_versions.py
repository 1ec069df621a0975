"""What `models list` shows: each version that can be read, and why another cannot."""

import shutil
from pathlib import Path
from types import SimpleNamespace

from {{ cookiecutter.package_name }}.models.versions import read_versions, table


def test_a_damaged_version_hides_no_other(trained: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("v0.1", "v0.2"):
        shutil.copytree(trained.model.folder, tmp_path / name)
    (tmp_path / "v0.2/metadata.json").write_text("{}", "utf-8")
    known, broken = read_versions(tmp_path)
    assert [one.version for one in known] == ["v0.1"]
    assert len(broken) == 1
    assert "v0.2" in broken[0]
    assert "\n" not in broken[0]
    (headers, row), numbers = table(known, "v0.1")
    assert len(headers) == len(row) == 4 + numbers
    assert row[:2] == ["v0.1", "champion"]
