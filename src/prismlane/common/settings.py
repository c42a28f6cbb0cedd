"""Settings of the engine: `PRISMLANE_<GROUP>__<NAME>` from the environment, or handed over as values.

A secret may also come from a file, named by the same variable with `_FILE` behind it (as container secrets are mounted).
"""

import os
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from prismlane.common.errors import InvalidRequestError, UnsafeBindError

GIB = 2**30
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Group(BaseModel):
    """Base of the groups of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Group):
    """Where and how HTTP is served."""

    host: str = Field("127.0.0.1", description="address to listen on; a public one needs an API key")
    port: int = Field(8700, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    front: Literal["serve", "haproxy"] = Field(
        "serve", description="HTTP proxy: Ray Serve's own, or HAProxy (faster; Linux)"
    )
    n_replicas: int = Field(1, ge=1, le=64, description="gateway replicas")
    max_body_bytes: int = Field(8 * 2**20, ge=1024, description="largest JSON request")
    max_upload_bytes: int = Field(64 * GIB, ge=1024, description="largest upload")
    stream_s: float = Field(
        300.0, gt=0, description="seconds after which an event stream is ended, to be resumed"
    )
    drain_s: float = Field(10.0, ge=0, description="seconds a stopping replica waits for its requests")


class AuthSettings(Group):
    """Who may use the API."""

    api_key: SecretStr | None = Field(None, description="the key that requests must carry; none: no login")

    @field_validator("api_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < 16:
            raise ValueError("an API key has at least 16 characters; make one: openssl rand -hex 32")
        return key


class DataSettings(Group):
    """Where data are kept."""

    directory: Path = Field(
        default_factory=lambda: user_data_path("prismlane"), description="store, blobs and cache"
    )
    roots: list[Path] = Field([], description="folders below which clients may register files by path")
    max_table_bytes: int = Field(256 * GIB, ge=2**20, description="largest table, decoded")
    cache_bytes: int = Field(4 * GIB, ge=2**20, description="decoded partitions kept on this node")

    @property
    def logs(self) -> Path:
        """The folder of logs."""
        return self.directory / "logs"


class WorkerSettings(Group):
    """The workers of this node and the limits of their child processes."""

    n_workers: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, le=1024, description="workers"
    )
    memory_bytes: int = Field(4 * GIB, ge=512 * 2**20, description="memory of one job in one worker")
    threads: int = Field(1, ge=1, le=256, description="threads of one job in one worker")
    batch_s: float = Field(0.05, ge=0, description="small jobs are claimed together up to this much work")
    hung_s: float = Field(60.0, gt=0, description="a worker that is silent for so long is replaced")


class TrackerSettings(Group):
    """The event manager."""

    lease_s: float = Field(30.0, gt=0, description="seconds without a word after which an attempt is lost")
    heartbeat_s: float = Field(10.0, gt=0, description="seconds between heartbeats")
    max_unfinished: int = Field(
        1_000_000, ge=1, description="jobs that have not ended; more are refused with 503"
    )

    @model_validator(mode="after")
    def _beats_in_time(self) -> Self:
        if self.lease_s < 3 * self.heartbeat_s:
            raise ValueError(
                "lease_s must be at least three times heartbeat_s, or a late heartbeat loses work"
            )
        return self


class EngineSettings(BaseSettings):
    """All settings of the engine; `load` reads them."""

    model_config = SettingsConfigDict(
        env_prefix="PRISMLANE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    namespace: str = Field("prismlane", description="Ray namespace of the actors")
    plugins: list[str] = Field([], description="modules with analyses to load besides installed plug-ins")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is written to the logs"
    )
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    data: DataSettings = DataSettings()
    worker: WorkerSettings = WorkerSettings()
    tracker: TrackerSettings = TrackerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values handed over win over the environment, which wins over secret files."""
        if isinstance(env_settings, EnvSettingsSource):
            # The names of secret files end like settings, and are none.
            files = {variable.lower() for variable in SecretFiles.VARIABLES}
            env_settings.env_vars = {
                name: value for name, value in env_settings.env_vars.items() if name.lower() not in files
            }
        return init_settings, env_settings, SecretFiles(settings_cls)

    @classmethod
    def load(cls, **values: Any) -> Self:
        """The settings of this process: `values`, then the environment, then secret files.

        Raises:
            InvalidRequestError: a value is wrong; names the variable and what is wrong with it.
        """
        try:
            return cls(**values)
        except ValidationError as invalid:
            problems = [
                {
                    "pointer": "PRISMLANE_" + "__".join(str(part) for part in error["loc"]).upper(),
                    "detail": error["msg"].removeprefix("Value error, "),
                }
                for error in invalid.errors(include_input=False, include_url=False)
            ]
            told = "; ".join(f"{problem['pointer']}: {problem['detail']}" for problem in problems)
            raise InvalidRequestError(
                f"wrong settings: {told}", hint="See docs/reference/settings.md.", errors=problems
            ) from None

    def check_bind(self) -> None:
        """Refuse to serve the world without a login.

        Raises:
            UnsafeBindError: the address is public and no API key is set.
        """
        if self.server.host not in LOOPBACK_HOSTS and self.auth.api_key is None:
            raise UnsafeBindError(
                f"{self.server.host} can be reached from other machines, and no API key is set",
                facts={"host": self.server.host},
            )

    def to_dict(self) -> dict[str, Any]:
        """All values, secrets too, as JSON values: for an actor's constructor, never for a log."""
        data = self.model_dump(mode="json")
        if self.auth.api_key is not None:
            data["auth"]["api_key"] = self.auth.api_key.get_secret_value()
        return data


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets from the files that `PRISMLANE_AUTH__API_KEY_FILE` and the like name."""

    VARIABLES: ClassVar = {"PRISMLANE_AUTH__API_KEY_FILE": ("auth", "api_key")}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: values come nested, from `__call__`."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that files hold, by group."""
        values: dict[str, Any] = {}
        for variable, (group, name) in self.VARIABLES.items():
            path = os.environ.get(variable)
            if not path:
                continue
            try:
                secret = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise InvalidRequestError(
                    f"{variable} names {path}, which cannot be read: {error.strerror}",
                    hint="Check the path and its permissions.",
                ) from error
            values.setdefault(group, {})[name] = secret
        return values
