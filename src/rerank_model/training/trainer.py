"""transformers' Trainer with the loss at the letter only, and the trace recorded on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.utils import load_peft_weights
from safetensors.torch import load_model
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rerank_guard.core.target import Progress
from rerank_guard.recording.recorder import TraceRecorder
from rerank_model.errors import TrainingError
from rerank_model.scoring.scorer import LetterScorer, letter_nll

__all__ = ["LetterTrainer", "RecordSteps", "ShowProgress", "StopWhenDecided"]

TRACE_FILE = "training_trace.npz"


class LetterTrainer(Trainer):
    """Trains a `LetterScorer`; accelerate handles devices, mixed precision and DDP.

    Args:
        recorder: gets each example's letter logits before the step that trains on it.
        order: of the examples; None for Trainer's own, at random.
        trainer_args: the rest of Trainer's keyword arguments.
    """

    def __init__(self, *, recorder: TraceRecorder, order: Sampler[int] | None = None, **trainer_args: Any) -> None:
        super().__init__(**trainer_args)
        self.recorder = recorder
        self.order = order

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int] | None:
        """Where Trainer asks for the order of the examples."""
        return super()._get_train_sampler(train_dataset) if self.order is None else self.order

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Mean letter NLL of the batch, nats."""
        n_candidates, target = inputs["n_candidates"], inputs["target_index"]
        logits = model(
            input_ids=inputs["input_ids"], last_position=inputs["last_position"], n_candidates=n_candidates
        )
        nll = letter_nll(logits, target)
        if model.training:
            # other processes' batches may have fewer letters; logits beyond an example's N are not read
            seen = self.accelerator.pad_across_processes(logits.detach().float(), dim=1)
            rows = self.accelerator.gather((seen, target, n_candidates, inputs["example_id"]))
            logits_, target_, n_ = (tensor.cpu().numpy() for tensor in rows[:3])
            self.recorder.letters(logits_, target_, n_, rows[3].tolist())
        loss = nll.mean()
        return (loss, logits) if return_outputs else loss

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the adapter, or the whole model, as safetensors; Trainer's own would write tied weights twice."""
        path = Path(output_dir or str(self.args.output_dir))
        path.mkdir(parents=True, exist_ok=True)
        save_weights(self._scorer().model, path)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Put a checkpoint's weights back into the scorer."""
        inner = (model if isinstance(model, LetterScorer) else self._scorer()).model
        if isinstance(inner, PeftModel):
            weights = load_peft_weights(resume_from_checkpoint, device="cpu")
            expected = {name: tensor.shape for name, tensor in get_peft_model_state_dict(inner).items()}
            if expected == {name: tensor.shape for name, tensor in weights.items()}:
                set_peft_model_state_dict(inner, weights)
            else:
                raise TrainingError(
                    f"{resume_from_checkpoint} holds another adapter than this job trains: {len(weights)} tensors "
                    f"there, {len(expected)} here; resume with the settings that the checkpoint was made with."
                )
        else:
            file = Path(resume_from_checkpoint) / "model.safetensors"
            if not file.is_file():
                raise TrainingError(
                    f"{resume_from_checkpoint} holds no whole model, but this job trains every weight; resume with "
                    "the settings that the checkpoint was made with."
                )
            load_model(inner, file)

    def _scorer(self) -> LetterScorer:
        scorer = self.accelerator.unwrap_model(self.model)
        if not isinstance(scorer, LetterScorer):
            raise TrainingError(f"LetterTrainer trains a LetterScorer, not a {type(scorer).__name__}.")
        return scorer


class RecordSteps(TrainerCallback):
    """Feeds learning rate and gradient norm of each optimiser step to the recorder, and keeps it in checkpoints."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Trainer logs every step here, with the rate that the step used."""
        if logs and "learning_rate" in logs:
            self.recorder.step(float(logs["learning_rate"]), float(logs.get("grad_norm", float("nan"))))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the trace beside the weights."""
        if state.is_world_process_zero:
            self.recorder.save(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / TRACE_FILE)


class StopWhenDecided(TrainerCallback):
    """Ends the job once the recorder's monitor says that every training check has passed."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self.recorder = recorder

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Runs after `RecordSteps` has recorded the step; one more step could undo what was decided.

        The records of all processes are gathered, so all of them stop at the same step.
        """
        if self.recorder.decided:
            control.should_training_stop = True


class ShowProgress(TrainerCallback):
    """Reports to a `Progress` how far the job is, with the running letter NLL."""

    def __init__(self, progress: Progress, recorder: TraceRecorder) -> None:
        self.progress = progress
        self.recorder = recorder

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """One optimiser step is done."""
        self.progress(state.global_step, state.max_steps, f"letter NLL {self.recorder.recent_nll:.3f}")


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole (its trace comes last), None without one."""
    found = [path for path in folder.glob("checkpoint-*") if (path / TRACE_FILE).is_file()]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write an adapter, or a whole model, as safetensors with its configuration."""
    writer: Any = model
    writer.save_pretrained(folder)


def count_trainable(model: nn.Module) -> int:
    """Number of parameters that the optimiser would change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
