"""The console command `segmentation`: one subcommand per job."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from segmentation.failures import Exit
from segmentation.runtime import JobSpec, fill_parser, run_job
from segmentation.stores.host import on_databricks

#: in the order in which data walks through them
MODULES = (
    "generate_logs",
    "ingest_events",
    "replay_quarantine",
    "build_basetable",
    "explore_tables",
    "train_segments",
    "train_industry",
    "forecast_churn",
    "forecast_value",
    "score_accounts",
    "export_accounts",
    "publish_report",
    "rollback_model",
    "run_all",
    "forget_account",
    "show_status",
    "check_machine",
)


def job_specs() -> list[JobSpec]:
    """The specification of every job."""
    return [import_module(f"segmentation.jobs.{module}").JOB for module in MODULES]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand named on the command line."""
    parser = argparse.ArgumentParser(prog="segmentation", description="Usage logs to account segments and industries.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    specs = {spec.name: spec for spec in job_specs()}
    for spec in specs.values():
        fill_parser(commands.add_parser(spec.name, help=spec.help, description=spec.help), spec)
    args = parser.parse_args(argv)
    return run_job(specs[args.command], args)


def console() -> None:
    """What the installed command and a Databricks wheel task call: raises SystemExit with the code on failure.

    A wheel task takes any return for success and any SystemExit for failure. On Databricks a run that is done but for
    some files counts as success, so that the later tasks run; `segmentation status` goes on naming the files.
    """
    code = main()
    if code == Exit.PARTIAL and on_databricks():
        return
    if code != Exit.OK:
        raise SystemExit(int(code))


if __name__ == "__main__":
    console()
