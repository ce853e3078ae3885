"""The reranker: load, rank, train, evaluate, save."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedTokenizerBase

from rerank_guard.core.target import Progress
from rerank_guard.core.training_plan import ParameterChange
from rerank_guard.core.types import FloatArray, Item, LetterTable, RankingTask, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_model.backends.backend import BACKENDS, BackendName, Loaded, attach_saved_adapter, pick_device
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.backends.precision import pick_dtype, require_native
from rerank_model.errors import BackendError, ConfigError
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.prompt.saved_config import prompt_from_json, read_config, write_config
from rerank_model.prompt.verbalizer import Verbalizer, letters_in_context
from rerank_model.scoring.evaluate import Evaluation, evaluate_logits
from rerank_model.scoring.packed import TokenIds
from rerank_model.scoring.score import log_softmax, packed_gap, pick_tokens_per_batch, score_prompts, why_plain
from rerank_model.scoring.scorer import LetterScorer, verify_letter_head
from rerank_model.training.dataset import LetterCollator
from rerank_model.training.settings import TrainingSettings
from rerank_model.training.train import run_training
from rerank_model.training.trainer import save_weights
from rerank_model.training.weight_changes import WeightWatch, configured_to_train

__all__ = ["Ranked", "Reranker"]

Text = str | Item


class Ranked(TypedDict):
    """One row of a ranking: the candidate's index in the list given, its letter logit, and its text."""

    corpus_id: int
    score: float
    text: str


class Reranker:
    """Ranks candidates by the logits of their letters after one forward pass (LlamaRec; Yue et al., 2023).

    Make one with `from_pretrained`. A missing letter, a target outside the candidates and a title that could
    forge the prompt are errors; nothing falls back to something else.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        prompt: PromptConfig,
        *,
        backend: BackendName = "transformers",
        base: str = "",
        tokens_per_batch: int | None = None,
        scoring_dtype: torch.dtype | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.backend: BackendName = backend
        self.base = base
        self.encoder = PromptEncoder(tokenizer, prompt)
        self.verbalizer = Verbalizer.from_table(letters_in_context(self.encoder))
        self.scorer = self._read(model)
        self.weight_changes: tuple[ParameterChange, ...] = ()
        self._warned_plain = False
        self.scoring_dtype = require_native(scoring_dtype, self.device)
        pick_tokens_per_batch(
            tokens_per_batch, self.device, torch.float32
        )  # refused here, before anything is scored
        self.tokens_per_batch = tokens_per_batch

    @classmethod
    def from_pretrained(
        cls,
        path_or_name: str | Path,
        *,
        backend: BackendName = "transformers",
        tokenizer: str | Path | None = None,
        prompt: PromptConfig | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        tokens_per_batch: int | None = None,
        scoring_dtype: torch.dtype | None = None,
    ) -> Reranker:
        """Load a base model, or a reranker saved by `save_pretrained`.

        Args:
            path_or_name: a folder, or a hub name of a base model.
            backend: "transformers", or "unsloth" where it is installed.
            tokenizer: folder or hub name of the tokenizer; None where it lies with the weights.
            prompt: the prompt's words and letters; None for those saved with the reranker, else the default.
            device: such as "cuda:0"; None for CUDA where there is one, else the CPU.
            dtype: of the weights; None for bfloat16 on CUDA cards that have it, else float32.
            tokens_per_batch: tokens of a forward pass when scoring, at most; None for what suits the device.
            scoring_dtype: in which many prompts are scored; None for that of the weights. bfloat16 on a processor that
                computes it is about 1.5 times as fast as float32, and moves probabilities by some 0.01. Only
                where prompts can be packed; see `why_plain`.

        Raises:
            BackendError: nothing readable there, weights only as pickle, no such device, unsloth missing.
            PromptError: no chat template, or letters that are not single tokens.
        """
        if backend not in BACKENDS:
            raise ConfigError(f"backend {backend!r} is not one of {sorted(BACKENDS)}.")
        folder = Path(path_or_name)
        chosen = pick_device(device)
        saved = read_config(folder)
        base = str(saved["base"]) if saved else str(path_or_name)
        prompt = prompt or (prompt_from_json(saved["prompt"], folder) if saved else PromptConfig())
        kind = BACKENDS[backend]()
        if saved and not saved["adapter"]:
            base = str(folder)
        tokenizer_name = str(tokenizer or path_or_name)  # a saved reranker brings its own
        loaded: Loaded = kind.load(base, tokenizer_name, chosen, dtype or pick_dtype(chosen), prompt.max_length)
        model = (
            attach_saved_adapter(loaded.model, folder).to(chosen) if saved and saved["adapter"] else loaded.model
        )
        return cls(
            model,
            loaded.tokenizer,
            prompt,
            backend=backend,
            base=base,
            tokens_per_batch=tokens_per_batch,
            scoring_dtype=scoring_dtype,
        )

    @property
    def base_name(self) -> str:
        """The base model as the report calls it: a hub name, or the last part of a path."""
        return Path(self.base).name if Path(self.base).is_dir() else self.base

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.scorer.letter_token_ids.device

    def letter_table(self) -> LetterTable:
        """The letters with their token ids at the position of the answer."""
        return letters_in_context(self.encoder)

    def score(self, history: Sequence[Text], candidates: Sequence[Text]) -> FloatArray:
        """Letter logits (N,) float64 of the candidates, in the order given; higher is better.

        Raises:
            PromptError: fewer than two candidates, more than letters, a hostile title, or no room.
            BackendError: a score is not finite.
        """
        prompt = self.encoder.encode(_items(history), _items(candidates))
        scores = self._score([prompt], [len(candidates)])[0]
        if not np.isfinite(scores).all():
            bad = np.flatnonzero(~np.isfinite(scores)).tolist()
            raise BackendError(
                f"{len(bad)} of {len(scores)} scores are not finite (first at position {bad[0]}: {scores[bad[0]]}); the "
                "weights or the precision are broken, so there is no ranking. Load the model in float32, or retrain."
            )
        return scores

    def predict_proba(self, history: Sequence[Text], candidates: Sequence[Text]) -> FloatArray:
        """Probabilities (N,) float64: the softmax restricted to the N letters in use."""
        return np.exp(log_softmax(self.score(history, candidates)))

    def rank(self, history: Sequence[Text], candidates: Sequence[Text], top_k: int | None = None) -> list[Ranked]:
        """The candidates from best to worst; candidates of equal score keep the order given.

        Args:
            history: what the user liked, oldest first; may be empty.
            candidates: at least two.
            top_k: how many to return; None for all.

        Raises:
            PromptError: as `score`.
            ConfigError: `top_k` below 1.
        """
        if top_k is not None and top_k < 1:
            raise ConfigError(f"top_k is {top_k}; ask for at least 1, or None for all.")
        scores = self.score(history, candidates)
        texts = [item.text for item in _items(candidates)]
        order = np.argsort(-scores, kind="stable")[:top_k]
        return [Ranked(corpus_id=int(i), score=float(scores[i]), text=texts[i]) for i in order]

    def score_tasks(self, tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        """Letter logits of many tasks, one (N,) float64 array each, in the order given."""
        why = self.why_plain
        if why is not None and not self._warned_plain:
            self._warned_plain = True
            warnings.warn(
                f"prompts are scored one padded batch after another, which is slower: {why}.", stacklevel=2
            )
        prompts = (self.encoder.encode_array(task.history, task.candidates) for task in tasks)
        return self._score(prompts, [task.n_candidates for task in tasks], progress)

    @property
    def why_plain(self) -> str | None:
        """Why many prompts are scored the slower way, through the model's own modules; None where they are packed."""
        return why_plain(self.scorer)

    def evaluate(
        self, tasks: Sequence[RankingTask], cutoffs: Sequence[int] = (5,), progress: Progress | None = None
    ) -> Evaluation:
        """Recall@K and letter NLL, beside chance.

        Raises:
            VacuousMetricError: a cutoff is not below every N.
        """
        return evaluate_logits(tasks, self.score_tasks(tasks, progress), cutoffs)

    def fit(
        self,
        tasks: Sequence[RankingTask],
        settings: TrainingSettings,
        progress: Progress | None = None,
        resume_from: Path | None = None,
        *,
        monitor: TrainingMonitor | None = None,
    ) -> TrainingTrace:
        """Train on tasks whose targets are among their candidates.

        Args:
            tasks: the examples, in any order.
            settings: of the job.
            progress: called after every optimiser step; None shows Trainer's own bar.
            resume_from: a checkpoint folder of an earlier run of the same job.
            monitor: ends the job once the training checks are decided; None for the whole budget.

        Returns:
            What the job recorded.

        Raises:
            TrainingError: nothing to train on, or a task without its target.
            ConfigError: the reranker has adapters already, and the settings ask for others or for none.
        """
        self.make_trainable(settings)
        return self.run_job(
            partial(
                run_training,
                self.scorer,
                self.collator(),
                tasks,
                settings,
                progress=progress,
                resume_from=resume_from,
                monitor=monitor,
            ),
            settings,
        )

    def make_trainable(self, settings: TrainingSettings) -> None:
        """Attach the adapters; where the settings ask for none, turn all weights into float32.

        Raises:
            ConfigError: the reranker has adapters already, and the settings ask for others or for none.
        """
        inner = self.scorer.model
        if isinstance(inner, PeftModel):
            _require_same_adapter(inner, settings.lora)
        elif settings.lora is not None:
            self.scorer = self._read(BACKENDS[self.backend]().add_lora(inner, settings.lora, settings.seed))
        else:
            # Steps on bfloat16 weights vanish by rounding once the learning rate has come down.
            self.scorer = self._read(inner.float())

    def run_job(self, job: Callable[[], TrainingTrace], settings: TrainingSettings) -> TrainingTrace:
        """Run a training job on the scorer, and keep how it changed each weight in `weight_changes`."""
        model = self.scorer.model
        watch = WeightWatch(model, configured_to_train(model, settings))
        trace = job()
        self.weight_changes = tuple(watch.changes(model))
        self.scorer.eval()
        return trace

    def collator(self) -> LetterCollator:
        """What makes training batches of tasks."""
        return LetterCollator(self.encoder, self.pad_token_id)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write adapter (or the whole model where there is none), tokenizer and prompt; safetensors only."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        model = self.scorer.model
        # Files of an earlier save of the other kind would be loaded as well.
        for stale in ("adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors"):
            (path / stale).unlink(missing_ok=True)
        save_weights(model, path)
        self.tokenizer.save_pretrained(path)
        write_config(path, base=self.base, adapter=isinstance(model, PeftModel), prompt=self.prompt)

    def export_merged(self, folder: str | Path) -> None:
        """Write a plain causal LM with the adapters merged in, for servers that know nothing of adapters."""
        model = self.scorer.model
        if isinstance(model, PeftModel):
            merged = type(self)(
                _merged_copy(model), self.tokenizer, self.prompt, backend=self.backend, base=str(folder)
            )
            merged.save_pretrained(folder)
        else:
            self.save_pretrained(folder)

    def _read(self, model: nn.Module) -> LetterScorer:
        device = next(model.parameters()).device
        scorer = LetterScorer(model, self.verbalizer.letter_token_ids).to(device).eval()
        verify_letter_head(scorer)
        scorer.packed_problem = packed_gap(scorer)
        return scorer

    def _score(
        self, prompts: Iterable[TokenIds], n_candidates: Sequence[int], progress: Progress | None = None
    ) -> list[FloatArray]:
        return score_prompts(
            self.scorer,
            prompts,
            n_candidates,
            tokens_per_batch=self.tokens_per_batch,
            pad_token_id=self.pad_token_id,
            dtype=self.scoring_dtype,
            progress=progress,
        )

    @property
    def pad_token_id(self) -> int:
        """The id that fills up short prompts of a batch."""
        # No computation reads the tokens after a prompt's last one, so any id will do where none is declared.
        for token_id in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token_id is not None:
                return int(token_id)
        return 0


def _items(texts: Sequence[Text]) -> list[Item]:
    if isinstance(texts, str):
        raise ConfigError(f"a list of texts is needed, not the single text {texts[:40]!r}; pass [text, ...].")
    for i, text in enumerate(texts):
        if not isinstance(text, str | Item):
            raise ConfigError(f"title {i} is {text!r} of type {type(text).__name__}; give texts or Items.")
    return [text if isinstance(text, Item) else Item(item_id=str(i), text=text) for i, text in enumerate(texts)]


def _require_same_adapter(model: PeftModel, wanted: LoraSettings | None) -> None:
    """Refuse settings that contradict the adapter that the model already has.

    Raises:
        ConfigError: names both.
    """
    there: Any = model.peft_config["default"]
    has = (there.r, there.lora_alpha, float(there.lora_dropout), set(there.target_modules or ()))
    asked = None if wanted is None else (wanted.rank, wanted.alpha, wanted.dropout, set(wanted.target_modules))
    if has != asked:
        raise ConfigError(
            f"this reranker has an adapter with (rank, alpha, dropout, modules) {has}, but the settings ask for "
            f"{asked or 'training every weight'}; use the adapter's own settings, or export_merged() and load that."
        )


def _merged_copy(model: PeftModel) -> nn.Module:
    copied: Any = copy.deepcopy(model)
    merged: nn.Module = copied.merge_and_unload()
    return merged
