"""What is known of checks and faults as strict JSON data."""

from __future__ import annotations

from dataclasses import asdict

from rerank_guard.core.fault import Fault
from rerank_guard.faults.demonstration import Demonstration, Shown
from rerank_guard.faults.explanation import CheckExplanation, FaultExplanation, SettingExplanation
from rerank_guard.report.json import strict_json, verdict_to_json_dict

__all__ = ["check_to_json_dict", "fault_to_json_dict"]


def check_to_json_dict(explained: CheckExplanation, shown: Demonstration | None = None) -> dict[str, object]:
    """A check; "failing_example" and "passing_example" are null where none was executed."""
    check, documentation = explained.check, explained.documentation
    return {
        "kind": "check",
        "name": explained.planned.name,
        "variant_of": explained.variant_of,
        "claim": explained.planned.claim,
        "stage": check.stage.folder,
        "runs": explained.runs,
        "once_a_cutoff": check.per == "cutoff",
        "methods": list(explained.methods),
        "needs_reference": explained.needs_reference,
        "preview": check.preview,
        "summary": documentation.summary,
        "text": [strict_json(block) for block in documentation.body],
        "result": documentation.returns,
        "settings": [_setting(each) for each in explained.settings],
        "can_name": [_fault(fault) for fault in check.can_name],
        "rules_out": [fault.name for fault in check.rules_out],
        "looks_like": None if check.looks_like is None else check.looks_like.name,
        "variants": {name: variant.claim for name, variant in check.variants.items()},
        "papers": list(explained.papers),
        **_examples(shown),
    }


def fault_to_json_dict(explained: FaultExplanation, shown: Demonstration | None = None) -> dict[str, object]:
    """A fault; examples as of `check_to_json_dict`."""
    fault = explained.fault
    return {
        "kind": "fault",
        "name": fault.name,
        "stage": fault.stage.folder,
        "what": fault.what,
        "fix": fault.fix,
        "symptom": fault.symptom,
        "named_by": list(explained.named_by),
        "ruled_out_by": list(explained.ruled_out_by),
        "looks_of": list(explained.looks_of),
        "may_entail": list(explained.consequences),
        "may_follow_from": list(explained.behind),
        "confused_with": sorted(fault.confused_with),
        "injectors": [
            {"id": each.id, "what": each.what, "retrains": each.retrains, "needs_reference": each.needs_reference}
            for each in explained.injectors
        ],
        **_examples(shown),
    }


def _setting(each: SettingExplanation) -> dict[str, object]:
    return {
        "name": each.setting.name,
        "value": strict_json(each.value),
        "default": strict_json(each.setting.default),
        "differs": each.differs,
        "set_in": each.origin or None,
        "allowed": each.setting.allowed,
        "follows_alpha": each.setting.is_level,
        "text": each.text,
    }


def _fault(fault: Fault) -> dict[str, object]:
    return {"name": fault.name, "what": fault.what, "fix": fault.fix}


def _examples(shown: Demonstration | None) -> dict[str, object]:
    if shown is None:
        return {"failing_example": None, "passing_example": None}
    failing = _example(shown.failing) | {"injector": shown.candidate.injector_id}
    return {"failing_example": failing, "passing_example": _example(shown.passing)}


def _example(shown: Shown) -> dict[str, object]:
    return {
        "what": shown.what,
        "verdict": verdict_to_json_dict(shown.verdict),
        "diagnosis": None if shown.diagnosis is None else strict_json(asdict(shown.diagnosis)),
    }
