"""One Ray for all tests of this folder; each test has a namespace of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from prismlane.common.settings import EngineSettings
from prismlane.serve import ray_environment

# Ray reads its environment when it is imported, which the modules of this folder do.
ray_environment.prepare(EngineSettings(), Path(tempfile.gettempdir()))


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    import ray

    with tempfile.TemporaryDirectory(prefix="pr-", ignore_cleanup_errors=True) as directory:
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=directory
        )
        yield
        ray.shutdown()


@pytest.fixture
def namespace(ray_session) -> Iterator[str]:
    """A namespace whose actors are ended with the test."""
    import ray

    name = f"test-{uuid4().hex[:8]}"
    yield name
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if actor["namespace"] == name:
            ray.kill(ray.get_actor(actor["name"], namespace=name), no_restart=True)
