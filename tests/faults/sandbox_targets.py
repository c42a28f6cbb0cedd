"""Targets for the tests of the child process: honest, clumsy and hostile ones."""

import contextlib
import ctypes
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from prismlane.common.errors import (
    CancelledByRequestError,
    RetryableAnalysisError,
    StaleEpochError,
    UnknownColumnError,
)


def echo(payload, blobs, monitor):
    return payload, blobs


def pid(payload, blobs, monitor):
    return {"pid": os.getpid()}, []


def report_progress(payload, blobs, monitor):
    monitor.progress(0.5, "half")
    return {}, []


def noise(payload, blobs, monitor):
    sys.stdout.write("from python\n")
    sys.stderr.write("to stderr\n")
    sys.stdout.flush()
    os.write(1, b"\x00\xff not text\n")
    os.write(1, b"x" * 100_000 + b"\n")
    return {"said": "all"}, []


def raise_error(payload, blobs, monitor):
    errors = {
        "column": UnknownColumnError(
            "There is no column 'x'.", facts={"column": "x"}, errors=[{"pointer": "/x"}]
        ),
        "retryable": RetryableAnalysisError("Try again."),
        "value": ValueError("not a number"),
        "memory": MemoryError("no more"),
        "exit": SystemExit(3),
        "epoch": StaleEpochError("another writer"),
        "cancelled": CancelledByRequestError("nobody asked"),
    }
    raise errors[payload["kind"]]


def return_nonsense(payload, blobs, monitor):
    return {"exec": "set"}, ["not bytes"]


def return_what_is_not_json(payload, blobs, monitor):
    return {"value": {1, 2}}, []


def return_too_much(payload, blobs, monitor):
    return {}, [b"x" * payload["n_bytes"]]


def wait_until_asked(payload, blobs, monitor):
    monitor.progress(0.0, "waiting")
    while True:
        monitor.check()
        time.sleep(0.001)


def wait_for_an_interrupt(payload, blobs, monitor):
    interrupted = threading.Event()
    with monitor.interrupting(interrupted.set):
        monitor.progress(0.0, "waiting")
        interrupted.wait()
    raise RuntimeError("interrupted")


def query_without_end(payload, blobs, monitor):
    import duckdb

    connection = duckdb.connect()
    with monitor.interrupting(connection.interrupt):
        monitor.progress(0.0, "querying")
        connection.execute("SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)").fetchall()


def spin(payload, blobs, monitor):
    monitor.progress(0.0, "spinning")
    while True:
        pass


def spin_in_c(payload, blobs, monitor):
    monitor.progress(0.0, "spinning")
    ctypes.PyDLL(None).sleep(10_000)  # holds the interpreter's lock


def burn(payload, blobs, monitor):
    with contextlib.suppress(ZeroDivisionError):
        while True:
            sum(range(10_000))


def die(payload, blobs, monitor):
    if "code" in payload:
        os._exit(payload["code"])
    os.kill(os.getpid(), payload["signal"])


def stop(payload, blobs, monitor):
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}, []


def allocate_without_end(payload, blobs, monitor):
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


KEPT: list[bytearray] = []


def keep_memory(payload, blobs, monitor):
    KEPT.append(bytearray(payload["n_bytes"]))
    return {}, []


def allocate_with(payload, blobs, monitor):
    if payload["library"] == "numpy":
        import numpy as np

        return {"n": int(np.ones(1 << 30, dtype="float64").sum())}, []
    if payload["library"] == "pyarrow":
        import pyarrow as pa

        return {"n": pa.allocate_buffer(8 << 30).size}, []
    import duckdb

    return {"n": len(duckdb.sql("SELECT list(range) FROM range(500000000)").fetchall())}, []


def work_with_all_libraries(payload, blobs, monitor):
    import duckdb
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"x": np.arange(1_000_000), "y": np.random.default_rng(0).normal(size=1_000_000)})
    pq.write_table(table, "table.parquet")
    again = pq.read_table("table.parquet", memory_map=True)
    rows = duckdb.sql("SELECT count(*), sum(x) FROM again").fetchall()
    return {"n": rows[0][0], "sum": int(rows[0][1]), "norm": float(np.linalg.norm(again["y"].to_numpy()))}, []


def abort_for_want_of_memory(payload, blobs, monitor):
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def map_shared_memory_without_end(payload, blobs, monitor):
    import mmap

    kept = []
    while True:
        kept.append(mmap.mmap(-1, 256 << 20))


def write_file(payload, blobs, monitor):
    path = Path(payload.get("path", "file"))
    with path.open("wb") as file:
        for _ in range(payload["n_bytes"] >> 10):
            file.write(b"x" * 1024)
    return {"n_bytes": path.stat().st_size}, []


def list_scratch(payload, blobs, monitor):
    cwd = Path.cwd()
    return {
        "cwd": str(cwd),
        "mode": oct(cwd.stat().st_mode & 0o777),
        "names": sorted(path.name for path in cwd.iterdir()),
    }, []


def lock_a_directory(payload, blobs, monitor):
    Path("locked/inner").mkdir(parents=True)
    Path("locked/inner/file").write_text("x")
    Path("locked/inner").chmod(0)
    Path("locked").chmod(0)
    return {"cwd": str(Path.cwd())}, []


def open_files(payload, blobs, monitor):
    files = []
    while True:
        files.append(Path(os.devnull).open())  # noqa: SIM115 - they are to stay open


def fork_without_end(payload, blobs, monitor):
    n_forked = 0
    try:
        while n_forked < 10_000:
            if os.fork() == 0:
                signal.pause()
            n_forked += 1
    except OSError as error:
        return {"n_forked": n_forked, "errno": error.errno}, []
    return {"n_forked": n_forked, "errno": 0}, []


def start_threads_without_end(payload, blobs, monitor):
    stop = threading.Event()
    n_started = 0
    try:
        while n_started < 100_000:
            threading.Thread(target=stop.wait, daemon=True).start()
            n_started += 1
    except RuntimeError:
        stop.set()
    return {"n_started": n_started}, []


def leave_processes_behind(payload, blobs, monitor):
    """One in the group, one in a session of its own whose parent is gone."""
    read_end, write_end = os.pipe()
    in_group = os.fork()
    if in_group == 0:
        signal.pause()
    middle = os.fork()
    if middle == 0:
        os.setsid()
        stray = os.fork()
        if stray == 0:
            signal.pause()
        os.write(write_end, struct.pack("i", stray))
        os._exit(0)
    os.waitpid(middle, 0)
    return {"pids": [in_group, struct.unpack("i", os.read(read_end, 4))[0]]}, []


def run_a_program(payload, blobs, monitor):
    done = subprocess.run(["/bin/true"], check=False)
    return {"code": done.returncode}, []


def environment(payload, blobs, monitor):
    return {
        "names": sorted(os.environ),
        "all": [*(f"{k}={v}" for k, v in os.environ.items()), Path("/proc/self/environ").read_text()],
    }, []


def own_descriptors(payload, blobs, monitor):
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[link.name] = str(link.readlink())
    return {"fds": found}, []


def look_into_process(payload, blobs, monitor):
    """Which of the files of process `pid` in /proc can be used; `secret_fd` is one that it has open."""
    found = []
    for name in (f"fd/{payload['secret_fd']}", "environ", "mem", "maps"):
        with contextlib.suppress(PermissionError), Path(f"/proc/{payload['pid']}/{name}").open("rb") as file:
            found.append((name, file.read(1)))
    return {"readable": [name for name, _ in found]}, []


def attack_process(payload, blobs, monitor):
    """What can be done to process `pid`: each attack that is not refused is named."""
    import resource

    attacks = {
        "signal": lambda: os.kill(payload["pid"], 0),
        "group": lambda: os.killpg(payload["group"], 0),
        "limit": lambda: resource.prlimit(payload["pid"], resource.RLIMIT_NOFILE),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, payload["pid"], 19),
        "affinity": lambda: os.sched_setaffinity(payload["pid"], {0}),
    }
    done = []
    for name, attack in attacks.items():
        with contextlib.suppress(PermissionError):
            attack()
            done.append(name)
    return {"done": done}, []


def raise_own_limits(payload, blobs, monitor):
    import resource

    done = []
    for name in ("RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE"):
        kind = getattr(resource, name)
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            done.append(name)
    return {"done": done}, []


def connect(payload, blobs, monitor):
    """Which addresses can be connected to."""
    reached = []
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", payload["port"])),
        (socket.AF_UNIX, payload["path"]),
    ):
        with contextlib.suppress(OSError), socket.socket(family) as client:
            client.connect(address)
            reached.append(str(family))
    return {"reached": reached, "interfaces": Path("/proc/net/dev").read_text().count(":")}, []


def write_outside(payload, blobs, monitor):
    done = []
    for path in payload["paths"]:
        with contextlib.suppress(OSError):
            Path(path).write_text("mark")
            done.append(path)
    return {"done": done}, []


def hidden_memory(payload, blobs, monitor):
    done = []
    with contextlib.suppress(OSError):
        os.memfd_create("x")
        done.append("memfd")
    if ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600) >= 0:
        done.append("shmget")
    return {"done": done}, []


def use_capabilities(payload, blobs, monitor):
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    return {name: status[name] for name in ("CapEff", "CapPrm", "NoNewPrivs", "Seccomp")}, []


# --- what a hostile child may send -------------------------------------------------------------------


def _frame(header, n_blobs=0, lengths=()):
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("!II", len(data), n_blobs) + struct.pack(f"!{len(lengths)}Q", *lengths) + data


HOSTILE_FRAMES = {
    "garbage": os.urandom(4096),
    "huge header": struct.pack("!II", 0xFFFF_FFFF, 0),
    "huge blob": _frame({}, 1, [1 << 60]),
    "many blobs": struct.pack("!II", 2, 0xFFFF_FFFF),
    "not an object": _frame(b"[1]"),
    "deep": _frame(b"[" * 100_000),
    "no kind": _frame({"id": 1}),
    "another call's answer": _frame({"is": "done", "id": 77, "payload": {}, "cpu_used_s": 0}),
    "no payload": _frame({"is": "done", "id": 1, "cpu_used_s": 0}),
    "a call": _frame({"is": "call", "id": 1, "target": "echo", "payload": {}}),
    "a second hello": _frame({"is": "hello", "controls": {}}),
    "malformed problem": _frame({"is": "failed", "id": 1, "problem": {"code": "invalid-data", "facts": 3}}),
    "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
}


def send(payload, blobs, monitor):
    os.write(3, HOSTILE_FRAMES[payload["frame"]])
    signal.pause()


def flood_with_progress(payload, blobs, monitor):
    for n in itertools.count():
        os.write(3, _frame({"is": "progress", "id": payload["id"], "share": n, "phase": "x" * 1000}))


def flood_the_log(payload, blobs, monitor):
    os.write(1, b"first\n")
    while True:
        monitor.check()
        os.write(1, b"\n" * 60_000)


def close_the_pipe(payload, blobs, monitor):
    socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)
    signal.pause()
