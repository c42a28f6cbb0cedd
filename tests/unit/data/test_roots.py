import os

import pytest

from prismlane.common.errors import ForbiddenError, InvalidRequestError, NotFoundError
from prismlane.engine.data.roots import resolve_below


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("s\n1\n")
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "b.csv").write_text("b\n1\n")
    return root


def test_a_file_below_a_root_is_found_by_its_absolute_and_its_relative_path(root, tmp_path):
    wanted = root / "sub" / "a.csv"
    assert resolve_below(str(wanted), [root]) == wanted
    assert resolve_below("sub/a.csv", [tmp_path / "data2", root]) == wanted


def test_a_root_that_is_itself_a_link_is_followed(root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root)
    assert resolve_below(str(link / "sub" / "a.csv"), [link]) == root / "sub" / "a.csv"


def test_a_link_that_stays_below_is_followed_and_one_that_leaves_is_forbidden(root, tmp_path):
    (root / "inside.csv").symlink_to(root / "sub" / "a.csv")
    (root / "outside.csv").symlink_to(tmp_path / "secret.csv")
    (root / "outdir").symlink_to(tmp_path)
    assert resolve_below("inside.csv", [root]) == root / "sub" / "a.csv"
    for path in ("outside.csv", "outdir/secret.csv"):
        with pytest.raises(ForbiddenError):
            resolve_below(path, [root])


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/no-such-file", "/proc/self/environ"])
def test_outside_of_the_roots_is_forbidden_whether_it_exists_or_not(root, path):
    with pytest.raises(ForbiddenError, match="not below a data root") as caught:
        resolve_below(path, [root])
    assert "PRISMLANE_DATA__ROOTS" in caught.value.hint


def test_a_neighbour_whose_name_begins_like_the_root_is_forbidden(root, tmp_path):
    with pytest.raises(ForbiddenError):
        resolve_below(str(tmp_path / "data2" / "b.csv"), [root])


@pytest.mark.parametrize(
    "path", ["../secret.csv", "sub/../../secret.csv", "sub/../sub/a.csv", "a\0.csv", "", "  "]
)
def test_a_path_with_parents_or_nul_is_invalid(root, path):
    with pytest.raises(InvalidRequestError):
        resolve_below(path, [root])


def test_without_roots_the_setting_is_named(tmp_path):
    with pytest.raises(ForbiddenError, match="no data root") as caught:
        resolve_below("a.csv", [])
    assert "PRISMLANE_DATA__ROOTS" in caught.value.hint


def test_a_missing_file_is_not_found(root):
    with pytest.raises(NotFoundError):
        resolve_below("sub/b.csv", [root])
    with pytest.raises(InvalidRequestError):
        resolve_below("sub/a.csv/b.csv", [root])


def test_a_directory_and_a_pipe_are_no_regular_files(root):
    os.mkfifo(root / "pipe")
    for path in ("sub", "pipe"):
        with pytest.raises(InvalidRequestError, match="regular file"):
            resolve_below(path, [root])


def test_a_loop_of_links_is_invalid_or_not_found(root):
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises((InvalidRequestError, NotFoundError)):
        resolve_below("loop", [root])
