"""The whole path where the data lack what its last step needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from tests.robustness.conftest import SMALL


def test_logs_without_labels_get_their_summary_and_refused_files_their_code(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No labels are no fault; a file that was refused in the same run is one, and its code is the one that counts."""
    assert main(["generate", "--data-dir", str(tmp_path), *SMALL]) == Exit.OK
    logs = tmp_path / "raw" / "logs"
    headless = logs / "headless.csv"
    headless.write_text("no,header,of,ours\n1,2,3,4\n")
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account,industry\nA1,\n")
    there = ["--input", str(logs), "--accounts", str(accounts), "--data-dir", str(tmp_path)]
    path = ["run", "--source", "generated", *there, *SMALL]
    capsys.readouterr()
    assert main(path) == Exit.PARTIAL
    said = capsys.readouterr()
    lacking = "no account with usage carries a label: check --label and the ids of the accounts file"
    assert f"refused: {headless}" in said.out
    assert f"\nindustries   not told: {lacking}\n" in said.out
    assert "\nrows         in 6,000 = " in said.out
    assert "\nkmeans       " in said.out
    assert "Traceback" not in said.err
    headless.unlink()
    assert main(path) == Exit.LACKING
    said = capsys.readouterr()
    assert f"\nindustries   not told: {lacking}\n" in said.out
    assert said.err.endswith(f"segmentation run: {lacking}\n")
