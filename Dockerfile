# One image for every role: gateway, actors and workers run the same code.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
RUN pip install --no-cache-dir --disable-pip-version-check "uv>=0.13,<1"
ENV UV_PROJECT_ENVIRONMENT=/opt/prismlane \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /src
# The libraries of the lock first: this layer is made again only when they change.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra engine --extra haproxy --no-install-project
COPY README.md LICENSE ./
COPY src src
RUN uv build --wheel --out-dir /dist \
 && uv pip install --python /opt/prismlane --no-deps /dist/*.whl

FROM python:${PYTHON_VERSION}-slim
ARG VERSION=0.1.0.dev0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Prismlane" \
      org.opencontainers.image.description="Actor-based concurrent analysis engine: durable jobs over tabular data on Ray" \
      org.opencontainers.image.source="https://github.com/prismlane/prismlane" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 prismlane \
 && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin prismlane \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/prismlane /opt/prismlane
# The root may be read-only: everything is written below /data (state, kept) and /tmp (scratch, not kept).
ENV PATH=/opt/prismlane/bin:$PATH \
    HOME=/data \
    XDG_DATA_HOME=/data \
    XDG_STATE_HOME=/data \
    XDG_CONFIG_HOME=/data/config \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8700
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8700/livez', timeout=2)"]
# A public address is served only with an API key: mount it as a file and set PRISMLANE_AUTH__API_KEY_FILE, or the
# start is refused.
ENTRYPOINT ["prismlane"]
CMD ["up", "--host", "0.0.0.0"]
