from prismlane.engine.sandbox.controls import Control, as_dict, attempt, strongest


def refuse() -> str:
    raise PermissionError(1, "Operation not permitted")


def test_control_that_the_system_refuses_is_off_with_the_reason():
    assert attempt("network_off", refuse) == Control(
        "network_off", on=False, reason="this system refuses it: Operation not permitted"
    )


def test_one_means_that_works_is_enough():
    controls = [
        attempt("network_off", refuse),
        attempt("network_off", lambda: "seccomp"),
        attempt("memory", refuse),
    ]
    assert [(control.name, control.on) for control in strongest(controls)] == [
        ("network_off", True),
        ("memory", False),
    ]


def test_all_means_that_work_are_named():
    [control] = strongest(
        [attempt("network_off", lambda: "namespace"), attempt("network_off", lambda: "seccomp")]
    )
    assert as_dict([control]) == {"network_off": {"on": True, "reason": "namespace; seccomp"}}
