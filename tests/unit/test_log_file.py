import stat

from prismlane.common.log_file import LogFile


def test_lines_are_appended_and_only_the_user_may_read_them(tmp_path):
    path = tmp_path / "logs" / "engine.jsonl"
    for line in ("one\n", "two\n"):
        LogFile(path).write(line)
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_full_file_makes_room_and_the_one_before_is_kept(tmp_path):
    log = LogFile(tmp_path / "log", max_bytes=8)
    for line in ("first..\n", "second.\n", "third..\n"):
        log.write(line)
    assert (tmp_path / "log").read_text() == "third..\n"
    assert (tmp_path / "log.1").read_text() == "second.\n"


def test_two_writers_go_on_in_the_same_new_file(tmp_path):
    mine, other = (LogFile(tmp_path / "log", max_bytes=8) for _ in range(2))
    mine.write("first..\n")
    other.write("second.\n")
    mine.write("third..\n")
    assert (tmp_path / "log").read_text() == "second.\nthird..\n"
    assert (tmp_path / "log.1").read_text() == "first..\n"


def test_what_cannot_be_written_goes_to_stderr(tmp_path, capsys):
    (tmp_path / "a-file").touch()
    LogFile(tmp_path / "a-file" / "log").write("told\n")
    assert capsys.readouterr().err == "told\n"
