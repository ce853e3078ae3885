"""From "pkg.mod:factory" to a target, with errors that name what is missing."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from rerank_guard.core.demo import DEMO, DEMO_TARGET
from rerank_guard.core.errors import TargetError
from rerank_guard.core.target import RerankTarget
from rerank_guard.suite.contained import must_be_offered, no_exit

__all__ = ["load_target", "require_target"]

_REQUIRED = {"name": "name (a property)", "tasks": "tasks()", "score": "score(tasks)"}


def load_target(spec: str, *, seed: int, device: str | None = None) -> RerankTarget:
    """Import `spec`, call it if it is a factory, and return the target.

    A factory is called with those of the keyword arguments `seed` and `device` that its signature accepts; an
    object that is a target already is taken as it is.

    Args:
        spec: "package.module:attribute", the attribute dotted if need be; or "demo" for the packaged one.
        seed: given to the factory.
        device: "cpu", "cuda", given to the factory; None leaves the choice to it.

    Raises:
        TargetError: the spec is malformed, module or attribute is missing (the message shows the closest names),
            or the result is not a `RerankTarget`. What the module or factory itself raises is not swallowed,
            except a missing dependency, which becomes a TargetError that names it.
        NothingToJudgeError: module or factory asks to end or skip the run.
    """
    with no_exit(f"loading {spec!r}"), must_be_offered(f"loading {spec!r}"):
        return _loaded(DEMO_TARGET if spec == DEMO else spec, seed, device)


def _loaded(spec: str, seed: int, device: str | None) -> RerankTarget:
    module_name, separator, attribute = spec.partition(":")
    if not separator or not module_name or not attribute:
        raise TargetError(
            f"the target {spec!r} is not of the form 'package.module:factory', such as 'my_pkg.eval:make'."
        )
    thing: object = _import(module_name, spec)
    for name in attribute.split("."):
        if not hasattr(thing, name):
            raise TargetError(
                f"the target {spec!r} cannot be loaded: {_shown(thing)} has no attribute {name!r}"
                f"{_closest(name, dir(thing))}."
            )
        thing = getattr(thing, name)
    if isinstance(thing, RerankTarget) and not isinstance(thing, type):
        return require_target(thing, spec)
    if not callable(thing):
        raise TargetError(
            f"the target {spec!r} is neither a factory nor a target but {_shown(thing)}; {_missing_text(thing)}."
        )
    return require_target(thing(**_accepted(thing, {"seed": seed, "device": device})), spec)


def require_target(thing: object, origin: str | None = None) -> RerankTarget:
    """`thing` itself when it meets `RerankTarget`.

    Raises:
        TargetError: names the methods that it lacks.
    """
    if not isinstance(thing, RerankTarget) or isinstance(thing, type):
        came_from = f"{origin!r} gave" if origin else "this is"
        raise TargetError(f"{came_from} {_shown(thing)}, which is not a RerankTarget: {_missing_text(thing)}.")
    if not isinstance(thing.name, str):
        raise TargetError(f"the target's name is {thing.name!r}, not a str; give it a name for the report.")
    return thing


def _import(module_name: str, spec: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if missing == module_name or module_name.startswith(missing + "."):
            if spec == DEMO_TARGET:
                raise TargetError(_no_model(missing)) from error
            raise TargetError(
                f"the target {spec!r} cannot be loaded: there is no module {missing!r}"
                f"{_closest(missing.rpartition('.')[2], _siblings(missing))}. "
                "Modules are looked for in the current directory, the rootdir and sys.path."
            ) from error
        if spec == DEMO_TARGET:
            raise TargetError(_no_model(missing)) from error
        raise TargetError(
            f"the target {spec!r} cannot be loaded: importing {module_name} needs {missing!r}, "
            "which is not installed."
        ) from error


def _no_model(missing: str) -> str:
    return (
        f"the embedded reranker needs {missing!r}, which is not installed. "
        'Run: pip install "rerank-guard[model]", or name your own reranker with --rerank-target pkg.mod:factory.'
    )


def _accepted(factory: object, offered: Mapping[str, object]) -> dict[str, object]:
    """Those of the offered keyword arguments that the factory's signature takes."""
    try:
        parameters = inspect.signature(factory).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):  # some callables written in C have no signature
        return {}
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(offered)
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        name: value for name, value in offered.items() if name in parameters and parameters[name].kind in by_keyword
    }


def _missing_text(thing: object) -> str:
    missing = [shown for name, shown in _REQUIRED.items() if not hasattr(thing, name)]
    return f"it lacks {', '.join(missing)}" if missing else "give an instance, not the class"


def _shown(thing: object) -> str:
    if isinstance(thing, ModuleType):
        return f"module {thing.__name__!r}"
    return f"{thing!r:.200} of type {type(thing).__name__}"


def _closest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, [entry for entry in known if not entry.startswith("_")], n=3)
    return f"; the closest names are {', '.join(close)}" if close else ""


def _siblings(module_name: str) -> list[str]:
    """Names of the modules beside `module_name`."""
    package = module_name.rpartition(".")[0]
    path = importlib.import_module(package).__path__ if package else None
    return [module.name for module in pkgutil.iter_modules(path)]
