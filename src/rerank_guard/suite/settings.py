"""How a run is made, whoever starts it: pytest, the command line, or a call of `check_reranker`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from rerank_guard.checks.registry import check_of
from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.errors import ConfigError, SettingError
from rerank_guard.core.report import Configured
from rerank_guard.core.setting import require_level
from rerank_guard.stored import StoredRun
from rerank_guard.suite.names import require_check, require_selector

__all__ = ["KEYS", "RunSettings"]

_OWN_ORIGIN = "RunSettings"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run.

    Attributes:
        cutoffs: the K of Recall@K; None leaves the choice to the reranker, then to those of 5 and 20 below N.
        alpha: false-alarm rate of every statistical check, and of the run's error budget; None for each check's own.
        seed: recorded in the report; the seed of all that the suite draws.
        device: goes into the report where the reranker does not describe itself.
        early_stop: end the training job as soon as its checks have passed; train() must take a `monitor`.
        continue_after_failure: train and score even where a check before the job has failed.
        reference: an earlier run, below which the figures must not have fallen.
        select: checks, stages or faults that are judged alone; all where it is empty.
        ignore: checks, stages or faults that are not judged. They are in the report, and count in the error budget.
        expected: check, or check at a cutoff ("recall_beats_baseline[K=20]"), to the reason why it may fail. Its failure
            does not fail the run; that it passes does.
        preview: preview checks can fail the run.
        checks: check, or variant, to its settings.
        origins: key of a setting to where it was given, for the report and messages; see `differing` for the keys.
        named: what else was configured, for the report alone: "target", "reference" and "report" to their text.

    Raises:
        SettingError: alpha outside of (0, 0.5).
        ConfigError: a name that no check, stage or fault has, or a setting that its check does not have or not with this
            value.
    """

    cutoffs: tuple[int, ...] | None = None
    alpha: float | None = None
    seed: int = 0
    device: str | None = None
    early_stop: bool = False
    continue_after_failure: bool = False
    reference: StoredRun | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    preview: bool = False
    checks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._require_containers()
        if self.alpha is not None:
            require_level("alpha", self.alpha)
        for key in ("select", "ignore"):
            for name in getattr(self, key):
                require_selector(name, self._where(key, key))
        for name, reason in self.expected.items():
            require_check(name, self._where(f"expected.{name}", "expected"))
            given: object = reason
            if not isinstance(given, str) or not given.strip():
                where = self._where(f"expected.{name}", f"expected.{name}")
                raise ConfigError(f"{where} = {reason!r} is no reason; say why it may fail.")
        for name, settings in self.checks.items():
            require_check(name, self._where(f"checks.{name}", "checks"))
            for setting, value in settings.items():
                self._require_setting(name, setting, value)

    @property
    def budget(self) -> float:
        """The error budget of the run (Holm)."""
        return ALPHA if self.alpha is None else self.alpha

    def origin(self, key: str) -> str:
        """Where a value was given."""
        return self.origins.get(key, _OWN_ORIGIN)

    def differing(self) -> tuple[Configured, ...]:
        """What differs from the defaults, with its origin; keys as in a file, such as "checks.calibrated.alpha"."""
        return tuple(Configured(key, value, self.origin(key)) for key, value in self._differing())

    def _differing(self) -> Iterator[tuple[str, object]]:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("device", "origins", "reference"):  # the report has them elsewhere, or by name
                continue
            if each.name == "named":
                yield from value.items()
            elif each.name == "expected":
                yield from ((f"expected.{name}", reason) for name, reason in value.items())
            elif each.name == "checks":
                yield from (
                    (f"checks.{name}.{setting}", entry)
                    for name, settings in value.items()
                    for setting, entry in settings.items()
                )
            elif value not in (each.default, ()):
                yield KEYS.get(each.name, each.name), value

    def where(self, key: str) -> str:
        """Where an option was given, with its key, for messages: "rerank_guard.toml: k", or "--k"."""
        return self._where(key, key if key in self.origins else _FIELDS.get(key, key))

    def _require_containers(self) -> None:
        """Refuse what would be read letter by letter, or fail only later.

        Raises:
            ConfigError: a value of another type; the message shows it, and what to give.
        """
        cutoffs: object = self.cutoffs
        if cutoffs is not None and not isinstance(cutoffs, list | tuple):
            fix = "(5, 20)" if isinstance(cutoffs, str) else f"({cutoffs!r},)"
            raise ConfigError(f"{self.where('k')} = {cutoffs!r} is no list of whole numbers; give {fix}.")
        for key in ("select", "ignore"):
            names = getattr(self, key)
            if isinstance(names, str):  # its letters are no names
                raise ConfigError(f"{self.where(key)} = {names!r} is no list of names; give ({names!r},).")
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise ConfigError(f'{self.where(key)} = {names!r} is no list of names; give such as ("data",).')
        for key in ("early_stop", "continue_after_failure", "preview"):
            if not isinstance(flag := getattr(self, key), bool):
                where = self.where(KEYS.get(key, key))
                raise ConfigError(f"{where} = {flag!r} is neither True nor False; give one of them.")
        expected: object = self.expected
        if not isinstance(expected, Mapping):
            raise ConfigError(
                f"{self.where('expected')} = {expected!r} is no mapping; give {{'calibrated': 'the reason'}}."
            )
        checks: object = self.checks
        if not isinstance(checks, Mapping):
            raise ConfigError(
                f"{self.where('checks')} = {checks!r} is no mapping; give {{'calibrated': {{'alpha': 0.001}}}}."
            )
        for name, settings in self.checks.items():
            given: object = settings
            if not isinstance(given, Mapping):
                where = self.where(f"checks.{name}")
                raise ConfigError(f"{where} = {given!r} is no mapping; give {{'alpha': 0.001}} in it.")

    def _where(self, key: str, shown: str) -> str:
        """Where a value was given, for messages: a file with its key, or an option, which says the key itself."""
        origin = self.origin(key)
        return origin if origin.startswith("--") else f"{origin}: {shown}"

    def _require_setting(self, name: str, setting: str, value: object) -> None:
        key = f"checks.{name}.{setting}"
        where = self._where(key, key)
        if where.startswith("--"):  # `--set` alone does not say which
            where = f"{where} {name}.{setting}"
        record = check_of(name)
        if record is None or "[" in name:
            raise ConfigError(f"{where}: settings are those of all cutoffs; leave the bracket out.")
        try:
            record.validated({setting: value})
        except SettingError as error:
            raise ConfigError(f"{where}: {error}") from error


KEYS = {"cutoffs": "k", "continue_after_failure": "continue"}
"""Field to the key of the same option in a file, where they differ."""

_FIELDS = {key: name for name, key in KEYS.items()}
