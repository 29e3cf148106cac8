"""Settings of a process that change what a program computes or says: read in a session, made in a worker."""

from __future__ import annotations

import decimal
import importlib
import logging
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

#: Reads one kind of settings: plain data, or None where there is nothing to carry.
Reader = Callable[[], Any]


def settings_now() -> dict[str, Any]:
    """Return the settings of this process, by kind, as plain data."""
    found = {}
    for name, (read, _) in _KINDS.items():
        with suppress(Exception):  # a library of another version
            value = read()
            if value not in (None, {}, []) and value != _USUAL.get(name):
                found[name] = value
    return found


def library_settings() -> dict[str, Any]:
    """Return those settings of PyTorch and JAX, where they are loaded, that a run may change under the next one."""
    found = {}
    for name in ("jax_options", "torch_options"):
        with suppress(Exception):
            if value := _KINDS[name][0]():
                found[name] = value
    return found


def use_settings(settings: Mapping[str, Any]) -> list[str]:
    """Make settings those of this process; return in words which could not be made."""
    failed = []
    for name, value in settings.items():
        try:
            if name in _KINDS:
                _KINDS[name][1](value)
        except Exception as error:
            failed.append(f"{name.replace('_', ' ')} ({type(error).__name__}: {error})")
    return failed


def _loaded(name: str) -> Any:
    return sys.modules.get(name)


# The interpreter ---------------------------------------------------------------------------------------------------


def _decimal() -> dict[str, Any]:
    context = decimal.getcontext()
    numbers = {name: getattr(context, name) for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")}
    return {**numbers, "traps": [signal.__name__ for signal, is_set in context.traps.items() if is_set]}


def _use_decimal(values: dict[str, Any]) -> None:
    traps = [getattr(decimal, name) for name in values["traps"]]
    decimal.setcontext(decimal.Context(**{**values, "traps": traps}))


def _filters() -> list[list[Any]]:
    filters: Any = warnings.filters
    return [
        [action, _pattern(message), f"{category.__module__}:{category.__qualname__}", _pattern(module), line]
        for action, message, category, module, line in filters
    ]


def _pattern(text: Any) -> Any:
    return [text.pattern, text.flags] if isinstance(text, re.Pattern) else text


def _use_filters(filters: list[list[Any]]) -> None:
    made: list[Any] = []
    for action, message, category, module, line in filters:
        with suppress(ImportError, AttributeError):  # a category of a module that is not here
            name, _, inner = category.partition(":")
            kind = getattr(importlib.import_module(name), inner)
            patterns = (re.compile(*text) if isinstance(text, list) else text for text in (message, module))
            made.append((action, next(patterns), kind, next(patterns), line))
    warnings.filters[:] = made  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


class _LogHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is stdout or stderr now: each run has its own."""

    def __init__(self, name: str) -> None:
        logging.Handler.__init__(self)
        self._name_of_stream = name

    @property
    def stream(self) -> Any:
        """The stream."""
        return getattr(sys, self._name_of_stream)


def _logging() -> dict[str, Any]:
    levels = {
        name: logger.level
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and logger.level
    }
    handlers = [
        ["stdout" if handler.stream in (sys.stdout, sys.__stdout__) else "stderr", handler.level, _format(handler)]
        for handler in logging.root.handlers
        if type(handler) is logging.StreamHandler
        and handler.stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__)
    ]
    return {"level": logging.root.level, "disabled": logging.root.manager.disable, "of": levels, "handlers": handlers}


def _format(handler: logging.Handler) -> list[Any]:
    formatter = handler.formatter
    return [formatter._fmt, formatter.datefmt] if type(formatter) is logging.Formatter else [None, None]


def _use_logging(values: dict[str, Any]) -> None:
    logging.root.setLevel(values["level"])
    logging.disable(values["disabled"])
    for name, level in values["of"].items():
        logging.getLogger(name).setLevel(level)
    for stream, level, (text, dates) in values["handlers"]:
        handler = _LogHandler(stream)
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter(text, dates) if text else None)
        logging.root.addHandler(handler)


# Libraries ---------------------------------------------------------------------------------------------------------


def _numpy() -> Any:
    numpy = _loaded("numpy")
    return None if numpy is None else dict(numpy.geterr())


def _use_numpy(values: dict[str, str]) -> None:
    importlib.import_module("numpy").seterr(**values)


#: Options of JAX that change numbers, with their defaults.
_JAX = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_debug_nans": False,
    "jax_disable_jit": False,
    "jax_numpy_dtype_promotion": "standard",
    "jax_threefry_partitionable": True,
}

#: Options of PyTorch that change numbers, with their defaults.
_TORCH = {
    "dtype": "float32",
    "deterministic": False,
    "warn_only": False,
    "matmul": "highest",
    "cudnn": {"deterministic": False, "benchmark": False, "allow_tf32": True},
    "grad": True,
}

#: What is not worth loading a library for that a worker may not need.
_USUAL = {"jax_options": _JAX, "torch_options": _TORCH}


def _jax() -> Any:
    jax = _loaded("jax")
    if jax is None:
        return None
    return {name: getattr(jax.config, name) for name in _JAX if hasattr(jax.config, name)}


def _use_jax(values: dict[str, Any]) -> None:
    jax = importlib.import_module("jax")
    for name, value in values.items():
        jax.config.update(name, value)


def _torch() -> Any:
    torch = _loaded("torch")
    if torch is None:
        return None
    return {
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "cudnn": {n: getattr(torch.backends.cudnn, n) for n in ("deterministic", "benchmark", "allow_tf32")},
        "grad": torch.is_grad_enabled(),
    }


def _use_torch(values: dict[str, Any]) -> None:
    torch = importlib.import_module("torch")
    torch.set_default_dtype(getattr(torch, values["dtype"]))
    torch.use_deterministic_algorithms(values["deterministic"], warn_only=values["warn_only"])
    torch.set_float32_matmul_precision(values["matmul"])
    for name, value in values["cudnn"].items():
        setattr(torch.backends.cudnn, name, value)
    torch.set_grad_enabled(values["grad"])


def _brian2() -> Any:
    devices = _loaded("brian2.devices.device")
    if devices is None:
        return None
    device = devices.get_device()
    name = next((name for name, other in devices.all_devices.items() if other is device), "runtime")
    if name == "runtime":
        return None
    options = {n: v for n, v in dict(getattr(device, "build_options", None) or {}).items() if _is_plain(v)}
    return {"name": name, "build_on_run": bool(device.build_on_run), "options": options}


def _use_brian2(values: dict[str, Any]) -> None:
    brian2 = importlib.import_module("brian2")
    brian2.set_device(values["name"], build_on_run=values["build_on_run"], **values["options"])


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


_KINDS: dict[str, tuple[Reader, Callable[[Any], object]]] = {
    "recursion_limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "longest_integer_text": (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    "decimal_context": (_decimal, _use_decimal),
    "numpy_errors": (_numpy, _use_numpy),
    "jax_options": (_jax, _use_jax),
    "torch_options": (_torch, _use_torch),
    "brian2_device": (_brian2, _use_brian2),
    "logging": (_logging, _use_logging),
    # Last: what is imported for the others may add some.
    "warning_filters": (_filters, _use_filters),
}
