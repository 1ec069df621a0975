"""Whether a new version takes the champion's place, on rows that neither has learned from."""

import json
from dataclasses import asdict, replace

from ..config import Config
from ..data import ingest
from ..data.lookups import open_store
from ..errors import UserError
from ..utils.files import write_json
from .comparison import PromotionDecision, compare_versions, compare_with_baseline
from .model_io import Metadata, ModelVersion, verify_golden_rows
from .registry import TWO_WAYS_ON, ModelRegistry, find_version
from .unseen_rows import missing_columns, read_unseen_rows

MIN_ROWS = 20  # fewer tell nothing
DECISION, EVALUATION = "decision.json", "evaluation.json"


def promote(config: Config, version: str | None = None, force: bool = False) -> PromotionDecision:
    """Make a version the champion if it deserves it.

    It must beat the champion; without one, or where the champion predicts something else, its own
    baseline; and its evaluation, if there is one, must not have found that it is not what
    configuration or schema ask for. The decision is written to artifacts/<version>/decision.json.

    Args:
        config: The configuration.
        version: The new version; None takes the newest.
        force: Promote whatever the comparison says; decision and registry note it.

    Raises:
        UserError: There is no such version, it is the champion already, or it cannot be served.
    """
    candidate = find_version(config.paths.models, version)
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    pointer = None if force else registry.champion()
    champion = pointer.version if pointer else None
    if champion == candidate.version:
        raise UserError(f"{champion} is the champion already; it is not compared with itself")
    verify_golden_rows(candidate)  # what cannot be served cannot be promoted
    if force:
        decision = PromotionDecision("promote", ("forced: nothing was compared",), forced=True)
    elif failures := _failures(config, candidate.version):
        decision = PromotionDecision("reject", failures)
    else:
        decision = _decide(config, candidate, registry, champion)
        if decision.decision == "inconclusive" and champion is None:
            decision = replace(decision, reasons=(*decision.reasons, TWO_WAYS_ON))
    decision = replace(decision, candidate=candidate.version, champion=champion)
    write_json(config.paths.artifacts / candidate.version / DECISION, asdict(decision))
    if decision.decision == "promote":
        registry.upload(candidate.folder)
        registry.set_champion(candidate.folder, "forced" if force else "; ".join(decision.reasons))
    return decision


def _failures(config: Config, version: str) -> tuple[str, ...]:
    """Return what the evaluation of a version says that it was asked for and is not."""
    path = config.paths.artifacts / version / EVALUATION
    if not path.exists():
        return ()
    try:
        failures: list[str] = json.loads(path.read_text(encoding="utf-8")).get("failures", [])
    except (ValueError, AttributeError):
        raise UserError(f"{path}: broken; run `evaluate --version {version}` again") from None
    return tuple(failures)


def _decide(
    config: Config, candidate: ModelVersion, registry: ModelRegistry, champion: str | None
) -> PromotionDecision:
    path, _ = ingest.raw_table(config)
    present = None if champion is None else _present(config, candidate, champion)
    change = "" if present is None else _other_target(candidate.metadata, present.metadata)
    other = None if change else present
    store = open_store(config.features.lookups)
    for model in (candidate, other):
        if model is not None and (missing := missing_columns(path, model, store)):
            return PromotionDecision(
                "inconclusive",
                (f"{path} lacks what {model.version} needs: {', '.join(missing)}",),
            )
    if other is not None:
        verify_golden_rows(other)
    slices = config.evaluate.slices
    rows = read_unseen_rows(path, config.data.batch_rows, candidate, other, slices, store)
    if len(rows.y_true) < MIN_ROWS:
        return PromotionDecision("inconclusive", (_too_few(len(rows.y_true), other),))
    task, seed, resamples = candidate.metadata.task, config.train.seed, config.evaluate.bootstrap
    if other is None:
        decision = compare_with_baseline(rows, task, resamples, seed)
        return replace(decision, reasons=(*([change] if change else []), *decision.reasons))
    gate = config.promotion
    return compare_versions(rows, task, gate.slice_rows, gate.slice_floor, resamples, seed)


def _present(config: Config, candidate: ModelVersion, champion: str) -> ModelVersion:
    """Open the champion from the folder of all versions."""
    try:
        return find_version(config.paths.models, champion)
    except UserError as error:
        raise UserError(
            f"the champion, {champion}, cannot be compared with: {error}. Restore it, or "
            f"`models promote {candidate.version} --force`"
        ) from None


def rollback(config: Config) -> str:
    """Point back at the champion before, and say which it is, and where it predicts something else.

    Raises:
        UserError: There is none.
    """
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    pointer = registry.champion()
    if pointer is None or not pointer.previous:
        raise UserError(f"{registry.url}: no champion before the present one to go back to")
    former = pointer.previous[-1]
    metadata = Metadata.read(registry.fetch_promoted(former))  # must still be whole
    try:
        change = _other_target(Metadata.read(registry.fetch(pointer.version, ())), metadata)
    except UserError:  # damaged: it is left for that
        change = ""
    registry.roll_back()
    return f"{former.version} is the champion" + f"; {change}" * bool(change)


def _other_target(ours: Metadata, theirs: Metadata) -> str:
    """Say how the second one differs in what it predicts, or nothing."""
    if (ours.task, ours.target, ours.classes) == (theirs.task, theirs.target, theirs.classes):
        return ""
    classes = "" if theirs.classes is None else f" of {', '.join(theirs.classes)}"
    return f"{theirs.version} predicts another target: {theirs.target} ({theirs.task}{classes})"


def _too_few(rows: int, champion: ModelVersion | None) -> str:
    where = "" if champion is None else f" that {champion.version} has not learned from either"
    return f"only {rows} test rows{where}; {MIN_ROWS} are needed to compare. See `split`."
