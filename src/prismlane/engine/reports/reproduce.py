"""How to get the same result again: as a command, in Python and over HTTP, each quoted for where it is pasted."""

import json
import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from prismlane.common.wire import Result
from prismlane.engine.reports.about import ReportAbout

_DEFAULT_URL = "http://127.0.0.1:8700"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to run the job again."""

    title: str
    code: str


def recipes(result: Result, about: ReportAbout) -> list[Recipe]:
    """The job as CLI, Python and curl, in this order."""
    return [
        Recipe("Command line", _command(result, about)),
        Recipe("Python", _python(result, about)),
        Recipe("HTTP", _curl(result, about)),
    ]


def _command(result: Result, about: ReportAbout) -> str:
    words = ["prismlane", "run", result.analysis, about.dataset_name]
    for key, value in about.params.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words += ["-P", f"{key}={text}"]
    if about.seed:
        words += ["--seed", str(about.seed)]
    return shlex.join([*words, "--report", "report.html"])


def _python(result: Result, about: ReportAbout) -> str:
    connect = f"Client({about.server_url!r})" if about.server_url else "Client.local()"
    arguments = [repr(result.analysis), "dataset"]
    if about.params:
        arguments.append(f"params={dict(about.params)!r}")
    if about.seed:
        arguments.append(f"seed={about.seed}")
    return "\n".join(
        [
            "from prismlane import Client",
            "",
            f"with {connect} as client:",
            f"    dataset = client.datasets.add({about.dataset_name!r})",
            f"    job = client.submit({', '.join(arguments)})",
            "    result = job.result()",
        ]
    )


def _curl(result: Result, about: ReportAbout) -> str:
    url = (about.server_url or _DEFAULT_URL).rstrip("/")
    body = {
        "analysis": result.analysis,
        "dataset": about.dataset_id or "DATASET_ID",
        "params": dict(about.params),
        "seed": about.seed,
    }
    run = _call(
        f"{url}/v1/jobs", "application/json", f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )
    if about.dataset_id:
        return run
    upload = _call(
        f"{url}/v1/datasets?{urlencode({'name': about.dataset_name})}",
        "application/octet-stream",
        f"--data-binary {shlex.quote('@' + about.dataset_name)}",
    )
    return f"{upload}\n\n# with the id that this answers as DATASET_ID\n{run}"


def _call(url: str, media_type: str, body: str) -> str:
    return f"curl -X POST {shlex.quote(url)} \\\n  -H 'Content-Type: {media_type}' \\\n  {body}"
