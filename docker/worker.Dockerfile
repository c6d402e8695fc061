# A worker: contracts, state, models, workers, shards and the built-in weights; no FastAPI. Build it in the repository's root:
#   docker build -f docker/worker.Dockerfile -t handsoff-worker .
# TORCH_INDEX chooses the torch build: CPU by default; https://pypi.org/simple gives torch's standard CUDA build.
FROM python:3.11.15-slim-bookworm AS packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /srv
COPY pyproject.toml constraints.txt ./
# torch comes first, in a layer of its own: it is nearly all of the image. Its index is asked for torch alone (docs/decisions/0005).
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv .venv \
    && .venv/bin/python -m pip install "$(grep '^pip==' constraints.txt)" \
    && .venv/bin/python -m pip install -c constraints.txt --no-deps --retries 2 --timeout 15 --extra-index-url "$TORCH_INDEX" torch \
    && { .venv/bin/python -m pip install -c constraints.txt torch \
    || .venv/bin/python -m pip install -c constraints.txt --extra-index-url "$TORCH_INDEX" torch; }
RUN --mount=type=cache,target=/root/.cache/pip \
    .venv/bin/python -m pip install -c constraints.txt --group workers

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.licenses="Apache-2.0"
# The folder exists in the image, so a new volume mounted there belongs to the user. Exports and checkpoints use /var/tmp.
RUN groupadd --gid 10001 handsoff \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp handsoff \
    && install -d -o handsoff -g handsoff /var/lib/handsoff
WORKDIR /srv
COPY --from=packages /srv/.venv .venv
COPY contracts contracts
COPY state state
COPY models models
COPY workers workers
COPY assets assets
COPY client/src/handsoff_shards handsoff_shards
# The file system is read-only later, so the bytecode is compiled now.
RUN .venv/bin/python -m compileall -q assets contracts state models workers handsoff_shards

ENV PATH=/srv/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/var/tmp \
    HANDSOFF_LOG_FORMAT=json \
    HANDSOFF_ALIVE_PATH=/tmp/alive
USER 10001:10001
# On SIGTERM it stops at its next step and puts its job back in the queue. Allow two minutes before SIGKILL.
STOPSIGNAL SIGTERM
# A worker touches the file with every successful heartbeat (5 s), the reconciler with every round (15 s).
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --start-interval=2s \
    CMD ["python", "-c", "import os, sys, time; sys.exit(time.time() - os.path.getmtime(os.environ['HANDSOFF_ALIVE_PATH']) > 90)"]
# The command names the queue (fit, generate, cpu), or `reconcile`.
ENTRYPOINT ["python", "-m", "workers"]
CMD ["generate"]
