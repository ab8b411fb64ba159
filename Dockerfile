# An image of minimirror, which fills a volume and serves it: see compose.yaml.
#
#   docker build --tag minimirror .
#   docker run --rm --volume pypi:/data --volume ./minirepo.json:/etc/minimirror/minirepo.json:ro minimirror

FROM python:3.13-slim AS build
RUN python -m venv /opt/minimirror
WORKDIR /src
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY minimirror minimirror
RUN /opt/minimirror/bin/pip install --no-cache-dir ".[resolve,serve,browse,report]"

FROM python:3.13-slim
COPY --from=build /opt/minimirror /opt/minimirror

# pypiserver's image uses the same user and group IDs, so both can write each other's files. A new volume gets its
# owner, and the empty folder that pypiserver's image expects, from /data in this image.
RUN groupadd --gid 9898 minimirror \
    && useradd --uid 9898 --gid 9898 --no-create-home --home-dir /nonexistent minimirror \
    && mkdir --parents /data/packages \
    && chown --recursive 9898:9898 /data

ENV PATH=/opt/minimirror/bin:$PATH \
    MINIMIRROR_CONFIG=/etc/minimirror/minirepo.json \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 9898:9898
VOLUME /data
WORKDIR /data

# The default port of `serve`.
EXPOSE 8080

# Healthy: a run completed recently. The first run may take hours.
HEALTHCHECK --interval=5m --timeout=30s --start-period=24h --retries=1 \
    CMD ["minimirror", "health", "--repository", "/data"]

# To run an init process, use `init: true` in compose, or docker's --init. SIGTERM stops a run cleanly.
ENTRYPOINT ["minimirror"]
CMD ["run", "--repository", "/data"]
