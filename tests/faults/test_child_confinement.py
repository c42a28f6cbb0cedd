import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

CANARY = "canary-7f3a"


@pytest.fixture
async def skip_unless(child):
    """Skips the test where this kernel does not offer a control, as `describe` says."""

    def check(*names):
        for name in names:
            if not child.describe()[name]["on"]:
                pytest.skip(f"{name}: {child.describe()[name]['reason']}")

    return check


async def test_environment_holds_nothing_of_the_parents(make_child, monkeypatch):
    monkeypatch.setenv("PRISMLANE_CANARY", CANARY)
    answer, _ = await make_child().call("environment", {})
    assert set(answer["names"]) <= {
        "ARROW_NUM_THREADS",
        "HOME",
        "LANG",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PATH",
        "TMPDIR",
        "TZ",
    }
    assert CANARY not in "".join(answer["all"])


async def test_no_descriptor_is_inherited_but_the_streams_and_the_pipe(make_child, tmp_path):
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        answer, _ = await make_child().call("own_descriptors", {})
    kinds = {number: target.partition(":")[0] for number, target in answer["fds"].items()}
    listing = kinds.keys() - {"0", "1", "2", "3"}
    assert {number: kinds[number] for number in "0123"} == {
        "0": "/dev/null",
        "1": "pipe",
        "2": "pipe",
        "3": "socket",
    }
    assert len(listing) <= 1


async def test_parents_files_memory_and_environment_cannot_be_read(child, skip_unless, tmp_path):
    skip_unless("other_processes_closed")
    with (tmp_path / "secret").open("w+") as secret:
        answer, _ = await child.call("look_into_process", {"pid": os.getpid(), "secret_fd": secret.fileno()})
    assert answer == {"readable": []}


async def test_parent_cannot_be_touched(child, skip_unless):
    skip_unless("other_processes_closed", "syscall_filter")
    answer, _ = await child.call("attack_process", {"pid": os.getpid(), "group": os.getpgid(0)})
    assert answer == {"done": []}


async def test_network_is_off(child, skip_unless, tmp_path):
    skip_unless("network_off")
    path = str(tmp_path / "socket")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        answer, _ = await child.call("connect", {"port": server.getsockname()[1], "path": path})
    assert answer["reached"] == []
    assert answer["interfaces"] <= 1


async def test_writes_go_into_the_scratch_directory_only(child, skip_unless, tmp_path):
    skip_unless("writes_confined")
    outside = [str(tmp_path / "file"), "/dev/shm/prismlane-test", "/tmp/prismlane-test"]
    assert await child.call("write_outside", {"paths": outside}) == ({"done": []}, [])
    assert await child.call("write_outside", {"paths": ["inside"]}) == ({"done": ["inside"]}, [])


async def test_child_has_no_capabilities_and_gains_no_privileges(child):
    answer, _ = await child.call("use_capabilities", {})
    assert int(answer["CapEff"], 16) == int(answer["CapPrm"], 16) == 0
    assert answer["NoNewPrivs"] == "1"


async def test_scratch_is_private_and_wiped_between_jobs(child):
    await child.call("write_file", {"n_bytes": 1024})
    answer, _ = await child.call("list_scratch", {})
    assert (answer["mode"], answer["names"]) == ("0o700", ["file"])
    assert stat.S_IMODE(Path(answer["cwd"], "file").stat().st_mode) == 0o600
    await child.wipe_scratch()
    answer, _ = await child.call("list_scratch", {})
    assert answer["names"] == []


async def test_scratch_goes_with_the_child(child):
    answer, _ = await child.call("lock_a_directory", {})
    await child.kill()
    assert not Path(answer["cwd"]).exists()


IN_A_CONTAINER = """
import asyncio, ctypes, json, platform, struct, sys
from pathlib import Path
from prismlane.engine.sandbox import kernel, syscall_filter
from prismlane.engine.sandbox.child_process import ChildProcess, Limits

number = syscall_filter._NUMBERS["unshare"][platform.machine() != "x86_64"]
program = [(0x20, 0, 0, 0), *syscall_filter._refuse(number), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.cast(head, ctypes.c_void_p))

async def main():
    secret = open(sys.argv[1], "w+")
    child = ChildProcess(Limits(), {name: f"sandbox_targets:{name}" for name in ("connect", "look_into_process")},
                         Path(sys.argv[2]), preload=())
    import os
    connected, _ = await child.call("connect", {"port": int(sys.argv[3]), "path": "none"})
    read, _ = await child.call("look_into_process", {"pid": os.getpid(), "secret_fd": secret.fileno()})
    print(json.dumps([child.describe(), connected["reached"], read["readable"]]))
    await child.close()

asyncio.run(main())
"""


async def test_confinement_holds_where_namespaces_are_refused_as_in_most_containers(skip_unless, tmp_path):
    skip_unless("syscall_filter", "writes_confined")
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = [str(tmp_path / "secret"), str(tmp_path / "other"), str(server.getsockname()[1])]
        done = subprocess.run(
            [sys.executable, "-c", IN_A_CONTAINER, *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    described, reached, readable = json.loads(done.stdout)
    assert (reached, readable) == ([], [])
    assert described["network_off"] == {"on": True, "reason": "seccomp filter"}
    assert described["other_processes_closed"]["reason"].startswith("Landlock version ")
    assert not described["process_count"]["on"]
