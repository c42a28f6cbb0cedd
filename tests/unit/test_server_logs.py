import asyncio
import json

import structlog

from prismlane.common.logs import FILE_NAME, configure_logs, logger


def test_every_line_says_which_actor_wrote_it_in_whichever_task(tmp_path):
    before = structlog.get_config()
    try:
        configure_logs("info", tmp_path, actor="tracker")

        async def speak():
            logger("book").info("said", api_key="canary")

        asyncio.run(speak())
    finally:
        structlog.configure(**before)
    (line,) = (tmp_path / FILE_NAME).read_text().splitlines()
    said = json.loads(line)
    assert (said["actor"], said["part"], said["event"], said["api_key"]) == ("tracker", "book", "said", "***")
