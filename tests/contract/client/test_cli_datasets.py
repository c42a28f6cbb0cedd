# ruff: noqa: F811 - fixtures are imported by name and asked for by name
import json

from cli_fixtures import data_directory, gateway, invoke, surroundings, url  # noqa: F401 - fixtures


def test_a_file_is_sent_and_shown(invoke, gateway, url, tmp_path):
    (tmp_path / "x.csv").write_text("a;b\n1;2\n")
    shown = invoke(
        "datasets", "add", "x.csv", "--delimiter", ";", "--no-header", "--type", "a=VARCHAR", "--json"
    )
    assert json.loads(shown.stdout)["id"] in gateway.datasets
    options = json.loads(gateway.asked[0].query["options"][0])
    assert options == {"delimiter": ";", "header": False, "types": {"a": "VARCHAR"}}
    assert "s  register x.csv" in shown.stderr


def test_a_file_of_the_server_is_not_sent(invoke, gateway, url):
    invoke("datasets", "add", "/data/big.parquet", "--on-server")
    assert gateway.asked[0].json() == {"path": "/data/big.parquet", "options": {}}


def test_a_missing_file_exits_with_7(invoke, url):
    shown = invoke("datasets", "add", "none.csv")
    assert shown.exit_code == 7
    assert shown.stderr.startswith("error[unreadable-data]: the file none.csv does not exist\n")


def test_datasets_are_listed_shown_and_deleted(invoke, gateway, url):
    id_ = gateway.add_dataset()
    assert invoke("datasets", "list").stdout.splitlines()[1].split()[:5] == [
        id_,
        "flights.csv",
        "csv",
        "3",
        "1",
    ]
    assert json.loads(invoke("datasets", "show", id_[:-2], "--json").stdout)["id"] == id_
    assert invoke("datasets", "schema", id_).stdout.splitlines()[1].split() == ["a", "BIGINT", "numeric"]
    assert invoke("datasets", "delete", id_).exit_code == 0
    assert gateway.datasets == {}
    assert invoke("datasets", "show", id_).exit_code == 5


def test_a_preview_shows_what_is_missing_as_nothing(invoke, gateway, url):
    id_ = gateway.add_dataset()
    assert invoke("datasets", "preview", id_, "--rows", 2).stdout == "a\n1\n\n"
    assert json.loads(invoke("datasets", "preview", id_, "--json").stdout)["rows"] == [[1], [None]]


def test_analyses_are_listed_and_explained(invoke, url):
    assert invoke("analyses", "list").stdout.splitlines()[1].split()[0] == "profile"
    shown = invoke("analyses", "show", "profile").stdout
    assert "top values a column" in shown
    assert "10" in shown
    assert json.loads(invoke("analyses", "schema", "profile").stdout)["type"] == "object"
    assert json.loads(invoke("analyses", "schema", "profile", "--result").stdout) == {}
