"""The readings of the basetable's bench as a chart: seconds over rows, both on a logarithmic scale."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import matplotlib as mpl
from matplotlib.ticker import EngFormatter, NullFormatter

from segmentation.reports.palette import INK, PAPER, SMALL, canvas, colour_of, legend, mark_of

NAMES = {
    "spark": "ours, whole job",
    "spark_scan": "Spark, scan only",
    "duckdb_raw": "DuckDB, raw strings",
    "duckdb_events": "DuckDB, our files",
    "polars_raw": "Polars, raw strings",
    "duckdb_scan": "DuckDB, scan only",
}


def draw(home: Path, target: Path) -> list[int]:
    """Write the chart of every size that has been measured below `home` as SVG; returns the sizes, in rows.

    Medians of all rounds. Equal readings give equal bytes. Raises SystemExit without readings, and where they are of
    another number of cores or another machine each.
    """
    kept = {int(path.parent.name): json.loads(path.read_text()) for path in home.glob("*/basetable.json")}
    if not kept:
        raise SystemExit(f"no readings below {home}: give `make bench` first")
    if old := [f"{size:,}" for size, one in sorted(kept.items()) if isinstance(one, list)]:
        raise SystemExit(f"the readings of {', '.join(old)} rows do not say on how many cores: measure them again")
    if len({one["cores"] for one in kept.values()}) > 1:
        told = ", ".join(f"{size:,} rows on {one['cores']}" for size, one in sorted(kept.items()))
        raise SystemExit(f"the readings are of different numbers of cores ({told}): measure again by one CORES")
    if len({one.get("machine") for one in kept.values()}) > 1:
        told = ", ".join(f"{size:,} rows on {one.get('machine', 'one not told')}" for size, one in sorted(kept.items()))
        raise SystemExit(f"the readings are of different machines ({told}): measure again on one")
    played = {size: one["rounds"] for size, one in kept.items()}
    figure, axes = canvas(3.6)
    figure.set_facecolor(PAPER)
    for number, (name, said) in enumerate(NAMES.items()):
        sizes = sorted(size for size, rounds in played.items() if name in rounds[0])
        medians = [statistics.median(each[name]["work"] for each in played[size]) for size in sizes]
        axes.plot(sizes, medians, marker=mark_of(number), color=colour_of(number), label=said, linewidth=1.4)
        if sizes:
            axes.annotate(f" {medians[-1]:.0f}", (sizes[-1], medians[-1]), fontsize=SMALL, color=INK, va="center")
    axes.set(xscale="log", yscale="log", xlabel="log rows", ylabel="seconds of work")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(sorted(played))
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    legend(figure)
    with mpl.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return sorted(played)
