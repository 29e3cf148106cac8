"""Settings of libraries: read in a session, made in a worker, put back between two runs."""

import sys
import types

import pytest

from simmanager.worker import session_settings
from simmanager.worker.isolation import Snapshot
from simmanager.worker.preparation import Preparation, prepare
from simmanager.worker.session import recorded, session_of


class FakeTorch(types.ModuleType):
    """The options of PyTorch, without the rest."""

    def __init__(self):
        super().__init__("torch")
        self.float32, self.float64 = "torch.float32", "torch.float64"
        self.dtype, self.matmul = self.float32, "highest"
        self.deterministic, self.warn_only, self.grad = False, False, True
        self.backends = types.SimpleNamespace(
            cudnn=types.SimpleNamespace(deterministic=False, benchmark=False, allow_tf32=True)
        )

    def get_default_dtype(self):
        return self.dtype

    def set_default_dtype(self, dtype):
        self.dtype = dtype

    def are_deterministic_algorithms_enabled(self):
        return self.deterministic

    def is_deterministic_algorithms_warn_only_enabled(self):
        return self.warn_only

    def use_deterministic_algorithms(self, mode, *, warn_only=False):
        self.deterministic, self.warn_only = mode, warn_only

    def get_float32_matmul_precision(self):
        return self.matmul

    def set_float32_matmul_precision(self, precision):
        self.matmul = precision

    def is_grad_enabled(self):
        return self.grad

    def set_grad_enabled(self, mode):
        self.grad = mode


@pytest.fixture
def torch(monkeypatch):
    fake = FakeTorch()
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


def test_what_torch_was_set_to_is_carried(torch):
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = True
    carried = {"torch_options": session_settings.settings_now()["torch_options"]}
    torch.__init__()
    assert session_settings.use_settings(carried) == []
    assert (torch.dtype, torch.deterministic, torch.warn_only) == ("torch.float64", True, True)
    assert torch.backends.cudnn.benchmark and torch.grad


def test_torch_is_not_loaded_in_workers_for_its_defaults(torch):
    assert "torch_options" not in session_settings.settings_now()


def test_what_a_run_sets_in_torch_is_put_back_for_the_next(torch):
    torch.set_default_dtype(torch.float64)
    snapshot = Snapshot()
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    snapshot.restore()
    assert (torch.dtype, torch.deterministic) == ("torch.float64", False)


def test_a_setting_that_cannot_be_made_is_named(torch):
    failed = session_settings.use_settings({"torch_options": {"dtype": "float8"}, "unknown": 1})
    assert len(failed) == 1 and failed[0].startswith("torch options (")


def test_a_setting_that_cannot_be_read_is_left_out(torch):
    del torch.backends
    assert "torch_options" not in session_settings.settings_now()


def test_a_module_that_cannot_be_imported_is_named_in_the_log(capsys):
    prepare({"modules": ["no_such_module_anywhere"]})
    assert "no_such_module_anywhere, which the script imports, could not be imported" in capsys.readouterr().err


def test_a_worker_is_made_like_one_session_once(monkeypatch):
    made = []
    monkeypatch.setattr("simmanager.worker.preparation.prepare", made.append)
    preparation = Preparation()
    assert preparation.fits({"a": 1}) and preparation.make({"a": 1}) and not preparation.make({"a": 1})
    assert preparation.fits({"a": 1}) and not preparation.fits({"a": 2})
    assert made == [{"a": 1}]


def test_sessions_are_kept_once_and_found_by_simulation(tmp_path, monkeypatch):
    from simmanager.disk.batch_folder import BatchFolder

    folder = BatchFolder(tmp_path)
    monkeypatch.setattr("simmanager.worker.session.session_now", lambda: {"modules": ["a"]})
    first = recorded(["x", "y"])
    monkeypatch.setattr("simmanager.worker.session.session_now", lambda: {"modules": ["b"]})
    both = recorded(["z", "y"], first)
    assert recorded(["z"], both) == both and len(both["session"]["known"]) == 2
    assert [session_of(folder, both, name).get("modules") for name in "xyz!"] == [["a"], ["b"], ["b"], None]
    assert session_of(folder, {"session": {"known": "damaged", "of": []}}, "x") == {}
