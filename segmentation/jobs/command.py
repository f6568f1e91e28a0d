"""The console command `segmentation`: one subcommand per job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from segmentation.failures import Exit
from segmentation.runtime import JobSpec, fill_parser, run_job
from segmentation.stores.host import on_databricks

#: the module of each command, in the order in which data walks through them
MODULES = {
    "generate": "generate_logs",
    "ingest": "ingest_events",
    "replay": "replay_quarantine",
    "basetable": "build_basetable",
    "explore": "explore_tables",
    "segments": "train_segments",
    "industry": "train_industry",
    "churn": "forecast_churn",
    "value": "forecast_value",
    "score": "score_accounts",
    "export": "export_accounts",
    "report": "publish_report",
    "rollback": "rollback_model",
    "run": "run_all",
    "forget": "forget_account",
    "status": "show_status",
    "doctor": "check_machine",
}


def job_specs(commands: Iterable[str] = MODULES) -> list[JobSpec]:
    """The specification of every job, or of the commands given."""
    return [import_module(f"segmentation.jobs.{MODULES[command]}").JOB for command in commands]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand named on the command line."""
    parser = argparse.ArgumentParser(prog="segmentation", description="Usage logs to account segments and industries.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    given = sys.argv[1:] if argv is None else argv
    # of one command the others are not imported: MLflow, scikit-learn and the charts take seconds
    try:
        specs = {spec.name: spec for spec in job_specs(given[:1] if given and given[0] in MODULES else MODULES)}
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").partition(".")[0]
        sys.stderr.write(
            f"segmentation: the package {missing} is not installed: run `make setup`, or install segmentation "
            "with its extras (spark, models); `segmentation doctor` names all that is missing\n"
        )
        return int(Exit.ENVIRONMENT)
    for spec in specs.values():
        fill_parser(commands.add_parser(spec.name, help=spec.help, description=spec.help), spec)
    args = parser.parse_args(argv)
    return run_job(specs[args.command], args)


def console() -> None:
    """What the installed command and a Databricks wheel task call: raises SystemExit with the code on failure.

    A wheel task takes any return for success and any SystemExit for failure. On Databricks a run that is done but for
    some files counts as success, so that the later tasks run; `segmentation status` goes on naming the files. So does
    a command for which the data lack something, since scores, export and report do without what it would have told.
    """
    code = main()
    if code in (Exit.PARTIAL, Exit.LACKING) and on_databricks():
        return
    if code != Exit.OK:
        raise SystemExit(int(code))


if __name__ == "__main__":
    console()
