# The app: contracts, state and app, no torch. Build it in the repository's root: docker build -f docker/app.Dockerfile -t handsoff-app .
FROM python:3.11.15-slim-bookworm AS packages
WORKDIR /srv
COPY pyproject.toml constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv .venv \
    && .venv/bin/python -m pip install "$(grep '^pip==' constraints.txt)" \
    && .venv/bin/python -m pip install -c constraints.txt --group app

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.licenses="Apache-2.0"
# The folder exists in the image, so a new volume mounted there belongs to the user. Uploads are decoded in /var/tmp.
RUN groupadd --gid 10001 handsoff \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp handsoff \
    && install -d -o handsoff -g handsoff /var/lib/handsoff
WORKDIR /srv
COPY --from=packages /srv/.venv .venv
COPY contracts contracts
COPY state state
COPY app app
# The file system is read-only later, so the bytecode is compiled now.
RUN .venv/bin/python -m compileall -q contracts state app

ENV PATH=/srv/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/var/tmp \
    HANDSOFF_LOG_FORMAT=json \
    HANDSOFF_PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=1s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HANDSOFF_PORT']), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
# It binds to loopback unless HANDSOFF_AUTH=keys or HANDSOFF_TRUST_NETWORK is set. docker-compose.yml sets the latter and publishes the port on loopback only.
ENTRYPOINT ["python", "-m", "app"]
