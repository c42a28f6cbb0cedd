import stat

from prismlane.engine.sandbox.scratch import make_scratch, remove, wipe


def test_scratch_directories_are_private_and_apart(tmp_path):
    one, other = make_scratch(tmp_path / "root"), make_scratch(tmp_path / "root")
    assert one != other
    assert [stat.S_IMODE(path.stat().st_mode) for path in (one, other, one.parent)] == [0o700] * 3


def test_wipe_empties_and_does_not_follow_links(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    scratch = make_scratch(tmp_path / "root")
    (scratch / "link").symlink_to(outside)
    (scratch / "broken").symlink_to("nowhere")
    (scratch / "folder").mkdir()
    (scratch / "folder" / "file").write_text("x")
    (scratch / "folder" / "link").symlink_to(outside)
    wipe(scratch)
    assert list(scratch.iterdir()) == []
    assert (outside / "kept").exists()


def test_remove_opens_what_was_locked_and_leaves_targets_of_links_alone(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    scratch = make_scratch(tmp_path / "root")
    (scratch / "a" / "b").mkdir(parents=True)
    (scratch / "a" / "b" / "file").write_text("x")
    (scratch / "a" / "link").symlink_to(outside)
    (scratch / "a" / "b").chmod(0)
    (scratch / "a").chmod(0)
    remove(scratch)
    assert not scratch.exists()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o500
