"""How many segments: a written rule over the candidates."""

from __future__ import annotations

from collections.abc import Sequence

from segmentation.segments.result import Candidate

#: a k that leaves a segment with a smaller share of the accounts is passed over: it found outliers, not a group
SMALLEST_SHARE = 0.01


def choose_k(candidates: Sequence[Candidate], accounts: int) -> tuple[Candidate, str]:
    """The chosen candidate of one method and the reason in words.

    KMeans: highest mean silhouette (Rousseeuw 1987). GMM: lowest BIC (Schwarz 1978), which charges for every
    parameter, so that the likelihood cannot win by adding components. On a tie the smaller k wins. Raises
    RuntimeError when every fit failed.
    """
    fitted = [candidate for candidate in candidates if candidate.failure is None]
    if not fitted:
        told = "; ".join(f"k = {candidate.k}: {candidate.failure}" for candidate in candidates)
        raise RuntimeError(f"no number of segments could be fitted ({told})")
    if len(candidates) == 1:
        return fitted[0], f"k = {fitted[0].k} was given in the settings"
    large = [candidate for candidate in fitted if candidate.smallest >= SMALLEST_SHARE * accounts]
    best = min(large or fitted, key=lambda candidate: (_cost(candidate), candidate.k))
    reason = f"k = {best.k} of {candidates[0].k} to {candidates[-1].k}: {_measure(best)}"
    passed = [str(candidate.k) for candidate in fitted if candidate not in large]
    if passed and large:
        reason += f"; passed over k = {', '.join(passed)}, whose smallest segment has under 1 % of the accounts"
    elif passed:
        reason += "; every k has a segment with under 1 % of the accounts, so that did not count"
    failed = [str(candidate.k) for candidate in candidates if candidate.failure is not None]
    return best, reason + (f"; no fit for k = {', '.join(failed)}" if failed else "")


def _cost(candidate: Candidate) -> float:
    if candidate.bic is not None:
        return candidate.bic
    return -candidate.silhouette if candidate.silhouette is not None else float("inf")


def _measure(candidate: Candidate) -> str:
    if candidate.bic is not None:
        return f"lowest BIC ({candidate.bic:.1f})"
    return "no silhouette" if candidate.silhouette is None else f"highest silhouette ({candidate.silhouette:.3f})"
